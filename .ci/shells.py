"""Completions in the real shells, and manual pages as `man` and mandoc read them.

usage: shells.py COUNTERSIGN
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import Tally

# In an interactive bash, what is offered for the words after `countersign`.
BASH = """source "$1"; shift
COMP_WORDS=(countersign "$@"); COMP_CWORD=$#; COMPREPLY=()
_countersign countersign "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# zsh has no way to ask: `_describe` and `_arguments` say what they would offer.
ZSH = """autoload -Uz compinit; compinit -u -D
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell "PS1= RPS1= ; autoload -Uz compinit; compinit -u -D; source $1; LISTMAX=1000; zstyle ':completion:*' list-prompt ''; print ready-\\$((1+1))"
while zpty -r shell line; do [[ $line == *ready-2* ]] && break; done
zpty -w -n shell "$2"$'\\t\\t'
zpty -w shell $'\\C-a\\C-k print done-$((1+1))'
while zpty -r shell line; do print -r -- "$line"; [[ $line == *done-2* ]] && break; done
zpty -d shell
"""
# Words that are typed, and some of what has to be offered.
TYPED = {
    "": {"run", "keys", "completions", "schema"},
    "ke": {"keys", "keygen"},
    "keys ro": {"rotate"},
    "run --con": {"--config"},
    "completions ": {"bash", "zsh", "fish", "powershell"},
}

# What mandoc has against our pages: no date, so that one commit makes one page; lines around lists of values, as clap writes them.
KNOWN = ("missing date", "paragraph macro: br")


def done(command, text=None, **more):
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False, **more)


def offered(shell, script, typed):
    """What this shell offers behind `countersign TYPED`."""
    if shell == "bash":
        words = typed.split(" ") if typed else [""]
        return done(["bash", "--norc", "-c", BASH, "bash", str(script), *words])
    if shell == "fish":
        return done(["fish", "--no-config", "-c", f"source {script}; complete -C 'countersign {typed}'"])
    return done(["zsh", "-f", "-c", ZSH, "zsh", str(script), f"countersign {typed}"])


def completions(binary, tally, directory):
    for shell in ("bash", "fish", "zsh"):
        script = directory / f"countersign.{shell}"
        script.write_text(done([binary, "completions", shell]).stdout)
        read = done([shell, "-n", str(script)])
        tally.check(f"{shell} reads its script", read.returncode == 0 and not read.stderr, read.stderr)
        for typed, wanted in TYPED.items():
            if (shell, typed) == ("fish", "completions "):
                continue    # clap tells fish nothing of words that are no options
            told = offered(shell, script, typed)
            words = set(re.findall(r"[\w-]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.stdout)))
            tally.check(f"{shell} completes `countersign {typed}`", wanted <= words, wanted - words and told.stdout + told.stderr)


def pages(binary, tally, directory):
    tally.check("pages are written", done([binary, "man", "--directory", str(directory)]).returncode == 0)
    pages = sorted(directory.glob("*.1"))
    tally.check("every command has a page", len(pages) > 20, len(pages))
    for page in pages:
        found = done(["mandoc", "-T", "lint", "-W", "warning", str(page)]).stdout.splitlines()
        lint = [line for line in found if not any(known in line for known in KNOWN)]
        read = done(["man", "--warnings", "-E", "UTF-8", "-l", str(page)], env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        right = not lint and read.returncode == 0 and not read.stderr and "EXIT STATUS" in read.stdout
        tally.check(page.name, right, lint or read.stderr)
    first = done([binary, "man", "keys", "rotate"]).stdout
    tally.check("one page is printed", first == (directory / "countersign-keys-rotate.1").read_text())


def main():
    binary, tally = str(Path(sys.argv[1]).resolve()), Tally()
    with tempfile.TemporaryDirectory() as directory:
        completions(binary, tally, Path(directory))
    with tempfile.TemporaryDirectory() as directory:
        pages(binary, tally, Path(directory))
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
