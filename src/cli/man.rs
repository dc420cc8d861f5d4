//! `countersign man`: manual pages, printed from the same table as the help.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use super::{Arguments, RUNTIME, USAGE, fail, say};

/// What docs/command-line.md says of exit codes, as a section of every page.
const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
.TP
0
It is so.
.TP
1
It is not.
.TP
2
The arguments are wrong, or the input cannot be read.
.TP
78
The configuration is wrong.
";

/// Arguments of `man`.
#[derive(Args)]
pub(super) struct Man {
    /// The subcommand whose page to print, such as `keys rotate`; left out: the page of `countersign`
    command: Vec<String>,
    /// Write the pages of all commands into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    directory: Option<PathBuf>,
}

impl Man {
    /// 0, 1 where a page cannot be written, or 2 where there is no such command.
    pub(super) fn run(self) -> ExitCode {
        if let Some(directory) = &self.directory {
            return match write(&commands(), directory) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(RUNTIME, format!("{}: {error}", directory.display())),
            };
        }
        let root = commands();
        match find(&root, &self.command).map(page) {
            Some(Ok((_, text))) => {
                say(&text);
                ExitCode::SUCCESS
            }
            Some(Err(error)) => fail(RUNTIME, error),
            None => fail(USAGE, format!("no command `{}`: see `countersign help`", self.command.join(" "))),
        }
    }
}

/// The subcommand of these names.
fn find<'a>(root: &'a Command, names: &[String]) -> Option<&'a Command> {
    names.iter().try_fold(root, |command, name| command.find_subcommand(name))
}

/// Every command, each knowing its whole name.
fn commands() -> Command {
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    root
}

/// The name of the file and the text of a command's page.
fn page(command: &Command) -> io::Result<(String, String)> {
    let page =
        Page::new(command.clone()).source(concat!("countersign ", env!("CARGO_PKG_VERSION"))).manual("User Commands");
    let name = page.get_filename();
    let mut text = Vec::new();
    page.render(&mut text)?;
    Ok((name, dated(&String::from_utf8_lossy(&text)) + EXIT_STATUS))
}

/// With an empty date in the title, which else has no place, so that the source stands there.
fn dated(text: &str) -> String {
    text.replacen(" 1  \"", " 1 \"\" \"", 1)
}

/// The pages of a command and of all below it.
fn write(command: &Command, directory: &Path) -> io::Result<()> {
    let (name, text) = page(command)?;
    std::fs::write(directory.join(name), text)?;
    command.get_subcommands().try_for_each(|command| write(command, directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page_with_every_option() {
        let directory = tempfile::tempdir().unwrap();
        write(&commands(), directory.path()).unwrap();
        let mut pages = 0;
        let mut rest = vec![commands()];
        while let Some(command) = rest.pop() {
            let name = command.get_display_name().unwrap_or(command.get_name());
            let text = std::fs::read_to_string(directory.path().join(format!("{name}.1"))).unwrap();
            for option in command.get_opts().filter_map(|option| option.get_long()) {
                assert!(text.contains(&option.replace('-', "\\-")), "{name}: --{option}");
            }
            let title = format!(".TH {name} 1 \"\" \"countersign {}\" \"User Commands\"", env!("CARGO_PKG_VERSION"));
            assert!(text.contains(&title) && text.contains("EXIT STATUS"), "{text}");
            pages += 1;
            rest.extend(command.get_subcommands().cloned());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), pages);
        assert!(directory.path().join("countersign-keys-rotate.1").exists());
    }

    #[test]
    fn a_page_that_does_not_exist_is_wrong_usage() {
        let names = |command: &[&str]| command.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(find(&commands(), &names(&["keys", "rotate"])).is_some());
        let command = names(&["keys", "spin"]);
        assert_eq!(Man { command, directory: None }.run(), ExitCode::from(USAGE));
    }
}
