//! `countersign completions`: what a shell reads to complete our command lines.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, say};

/// Arguments of `completions`.
#[derive(Args)]
pub(super) struct Completions {
    /// Whose language to print
    shell: Shell,
}

impl Completions {
    /// 0.
    pub(super) fn run(&self) -> ExitCode {
        say(&script(self.shell));
        ExitCode::SUCCESS
    }
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "countersign", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_knows_every_subcommand_and_option() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in Arguments::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
                let options = command.get_opts().filter_map(|option| option.get_long());
                let missing: Vec<&str> = options.filter(|option| !script.contains(option)).collect();
                assert_eq!(missing, [""; 0], "{shell}: {}", command.get_name());
            }
        }
    }

    #[test]
    fn bash_reads_its_script() {
        let script = script(Shell::Bash);
        let Ok(mut bash) = std::process::Command::new("bash").arg("-n").stdin(std::process::Stdio::piped()).spawn()
        else {
            return;
        };
        std::io::Write::write_all(&mut bash.stdin.take().unwrap(), script.as_bytes()).unwrap();
        assert!(bash.wait().unwrap().success());
    }
}
