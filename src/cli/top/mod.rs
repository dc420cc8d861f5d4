//! `countersign top`: what `/status` says, in a terminal, every second.

mod screen;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::style::{Attribute, Color, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use serde_json::Value;

use self::screen::{Line, Tone};
use super::admin::Admin;
use super::client::Place;
use super::{RUNTIME, fail, say};

/// For one answer of the gateway.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two answers.
const TURN: Duration = Duration::from_secs(1);

/// Columns of what is printed once.
const WIDE: usize = 160;

/// Arguments of `top`.
#[derive(Args)]
pub(super) struct Top {
    #[command(flatten)]
    admin: Admin,
    /// Print it once, as text, and end
    #[arg(long)]
    once: bool,
}

impl Top {
    /// Shows until `q` or Ctrl-C.
    pub(super) fn run(self) -> ExitCode {
        let place = match self.admin.place() {
            Ok(place) => place,
            Err(code) => return code,
        };
        let shown = if self.once || !io::stdout().is_terminal() { once(&place) } else { watch(&place) };
        match shown {
            Ok(()) => ExitCode::SUCCESS,
            Err(cause) => fail(RUNTIME, format_args!("cannot show the gateway: {cause}")),
        }
    }
}

fn ask(place: &Place) -> io::Result<Value> {
    let answer = place.ask("GET", "/status", PATIENCE)?;
    if answer.status != 200 {
        return Err(io::Error::other(format!("{}: {}", answer.status, answer.body.trim_end())));
    }
    serde_json::from_str(&answer.body).map_err(io::Error::other)
}

fn once(place: &Place) -> io::Result<()> {
    let told = ask(place)?;
    let text: String = screen::lines(&told, None, WIDE).into_iter().map(|line| line.text + "\n").collect();
    say(&text);
    Ok(())
}

/// A terminal that shows us alone, and is as it was when this is dropped.
struct Stage;

impl Stage {
    fn set() -> io::Result<Self> {
        enable_raw_mode()?;
        let stage = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |what| {
            clear();
            before(what);
        }));
        Ok(stage)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        clear();
    }
}

/// Nothing more can be done for a terminal that is gone.
fn clear() {
    let _gone = execute!(io::stdout(), ResetColor, Show, LeaveAlternateScreen);
    let _gone = disable_raw_mode();
}

/// What was told last, and what is seen of it.
#[derive(Default)]
struct Seen {
    told: Value,
    when: Option<Instant>,
    before: Option<(Value, Duration)>,
    trouble: Option<String>,
    from: usize,
}

impl Seen {
    fn renew(&mut self, place: &Place) {
        match ask(place) {
            Ok(told) => {
                let passed = self.when.replace(Instant::now()).map(|when| when.elapsed());
                let old = std::mem::replace(&mut self.told, told);
                self.before = passed.map(|passed| (old, passed));
                self.trouble = None;
            }
            Err(cause) => self.trouble = Some(format!("no answer: {cause}")),
        }
    }

    /// Draws what fits.
    fn draw(&mut self) -> io::Result<()> {
        let (width, height) = size()?;
        let before = self.before.as_ref().map(|(told, passed)| (told, *passed));
        let mut lines = screen::lines(&self.told, before, usize::from(width));
        if let Some(trouble) = &self.trouble {
            lines.insert(0, Line::new(Tone::Bad, trouble, usize::from(width)));
        }
        let room = usize::from(height).saturating_sub(1);
        self.from = self.from.min(lines.len().saturating_sub(room));
        let mut out = io::stdout().lock();
        queue!(out, MoveTo(0, 0), Clear(ClearType::All))?;
        for (row, line) in (0..height).zip(lines.iter().skip(self.from).take(room)) {
            queue!(out, MoveTo(0, row))?;
            paint(&mut out, line)?;
        }
        queue!(out, MoveTo(0, height.saturating_sub(1)))?;
        paint(&mut out, &Line::new(Tone::Quiet, "q ends, arrows scroll", usize::from(width)))?;
        out.flush()
    }
}

fn paint(out: &mut impl io::Write, line: &Line) -> io::Result<()> {
    match line.tone {
        Tone::Plain => {}
        Tone::Title => queue!(out, SetAttribute(Attribute::Bold))?,
        Tone::Quiet => queue!(out, SetAttribute(Attribute::Dim))?,
        Tone::Warn => queue!(out, SetForegroundColor(Color::Yellow))?,
        Tone::Bad => queue!(out, SetForegroundColor(Color::Red))?,
    }
    out.write_all(line.text.as_bytes())?;
    queue!(out, ResetColor, SetAttribute(Attribute::Reset))
}

fn watch(place: &Place) -> io::Result<()> {
    let mut seen = Seen { told: ask(place)?, when: Some(Instant::now()), ..Seen::default() };
    let _stage = Stage::set()?;
    loop {
        seen.draw()?;
        let drawn = Instant::now();
        while poll(TURN.saturating_sub(drawn.elapsed()))? {
            match read()? {
                Event::Key(key) if ends(key) => return Ok(()),
                Event::Key(key) if key.kind != KeyEventKind::Release => scroll(&mut seen.from, key.code),
                _ => {}
            }
            seen.draw()?;
        }
        seen.renew(place);
    }
}

fn ends(key: KeyEvent) -> bool {
    let stops = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
    stops || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

fn scroll(from: &mut usize, code: KeyCode) {
    *from = match code {
        KeyCode::Up | KeyCode::Char('k') => from.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => from.saturating_add(1),
        KeyCode::PageUp => from.saturating_sub(10),
        KeyCode::PageDown => from.saturating_add(10),
        KeyCode::Home => 0,
        _ => *from,
    };
}
