//! Judges a history that someone brings.

use crate::{
    Complaint, Ended, Exit,
    cli::{Asked, Common, HistoryArgs},
    console::{Console, Ink, count, plural, seconds},
    input::Wanted,
    json,
};
use chinwag_models::history::{
    History, Judgement, Question, Verdict, Violation,
    formats::{self, FILE_BYTES_MAX, Format},
    judge,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Judges a file: exit 0 if all that was asked holds, 1 if something is violated, 3 if a limit forbade an
/// answer.
pub fn history(args: &HistoryArgs, common: &Common, console: &Console) -> Ended {
    let file = args.file.display().to_string();
    let complain = |what: String| Complaint(format!("{file}: {what}"));
    let started = Instant::now();
    let text = HISTORY.read(&args.file).map_err(complain)?;
    let format = args.format.or_else(|| Format::guess(&text)).ok_or_else(|| {
        let all = Format::ALL.map(|(name, _)| name).join(", ");
        complain(format!("its format is not plain: say --format, one of {all}"))
    })?;
    let history = formats::read(&text, format)
        .map_err(|mistake| complain(format!("as {}: {mistake}", format.name())))?;
    drop(text);
    let read = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let judgement = judge(&history, &questions(&args.ask));
    let judged = started.elapsed().as_secs_f64();
    say_size(&history, format, read, judged, console);
    say_answers(&judgement, console);
    let written = write(&judgement, &args.file, common)?;
    written.iter().for_each(|path| console.say(&format!("wrote {}", path.display())));
    let exit = match (judgement.is_violated(), judgement.is_decided()) {
        (true, _) => Exit::Violation,
        (false, false) => Exit::CutOff,
        (false, true) => Exit::AsExpected,
    };
    json::write(common, || told(&history, &judgement, format, judged, exit))?;
    Ok(exit)
}

const HISTORY: Wanted = Wanted {
    what: "a history",
    remedy: "models/tests/histories has some, and its README.md the formats",
    bytes_max: FILE_BYTES_MAX,
};

fn questions(asked: &[Asked]) -> Vec<Question> {
    if asked.is_empty() {
        return Question::ALL.to_vec();
    }
    let of = |asked: &Asked| match asked {
        Asked::Cc => &Question::ALL[..1],
        Asked::Cm => &Question::ALL[1..2],
        Asked::Ccv => &Question::ALL[2..3],
        Asked::Sessions => &Question::ALL[3..],
    };
    let is_asked = |question: &Question| asked.iter().any(|asked| of(asked).contains(question));
    Question::ALL.into_iter().filter(is_asked).collect()
}

fn say_size(history: &History, format: Format, read: f64, judged: f64, console: &Console) {
    console.say(&format!(
        "{} in {}, {}, {}; read as {} in {}, judged in {}",
        plural(history.operations(), "operation"),
        plural(history.transactions(), "transaction"),
        plural(history.sessions(), "session"),
        plural(history.keys(), "key"),
        format.name(),
        seconds(read),
        seconds(judged),
    ));
    console.say("");
}

fn say_answers(judgement: &Judgement, console: &Console) {
    let mut shown: Vec<&Violation> = Vec::new();
    for (question, verdict) in &judgement.answers {
        let text = match verdict {
            Verdict::Holds => console.ink(Ink::Good, "holds"),
            Verdict::Undecided(why) => console.ink(Ink::Warn, &format!("NOT DECIDED: {why}")),
            Verdict::Violated(violation) => {
                let known = shown.iter().position(|known| known.shows_the_same(violation));
                let number = known.unwrap_or_else(|| {
                    shown.push(violation);
                    shown.len() - 1
                });
                let text = format!("VIOLATED, see {}: {:?}", number + 1, violation.pattern);
                console.ink(Ink::Bad, &text)
            }
        };
        console.say(&format!("{:26} {text}", question.name()));
    }
    if console.quiet {
        return;
    }
    for (number, violation) in (1..).zip(shown) {
        let text = printable(&violation.to_string());
        console.say(&format!("\n{}. {}", count(number), text.trim_end()));
    }
}

/// Each different violation as text and as SVG.
fn write(judgement: &Judgement, file: &Path, common: &Common) -> Result<Vec<PathBuf>, Complaint> {
    let Some(dir) = &common.trace_dir else { return Ok(Vec::new()) };
    fs::create_dir_all(dir).map_err(|error| Complaint(format!("{}: {error}", dir.display())))?;
    let stem = file.file_stem().map_or_else(|| "history".into(), |stem| stem.to_string_lossy());
    let (mut seen, mut paths): (Vec<&Violation>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for (question, verdict) in &judgement.answers {
        let Verdict::Violated(violation) = verdict else { continue };
        if seen.iter().any(|known| known.shows_the_same(violation)) {
            continue;
        }
        seen.push(violation);
        let title = format!("Violated: {}", question.name());
        let texts = [("txt", violation.to_string()), ("svg", violation.svg(&title))];
        for (extension, text) in texts {
            let path = dir.join(format!("{stem}.{}.{extension}", seen.len()));
            fs::write(&path, text)
                .map_err(|error| Complaint(format!("{}: {error}", path.display())))?;
            paths.push(path);
        }
    }
    Ok(paths)
}

fn told(
    history: &History,
    judgement: &Judgement,
    format: Format,
    seconds: f64,
    exit: Exit,
) -> Value {
    let answers = judgement.answers.iter().map(|(question, verdict)| match verdict {
        Verdict::Holds => json!({ "question": question.name(), "verdict": "holds" }),
        Verdict::Undecided(why) => {
            json!({ "question": question.name(), "verdict": "undecided", "why": why })
        }
        Verdict::Violated(violation) => json!({
            "question": question.name(),
            "verdict": "violated",
            "pattern": format!("{:?}", violation.pattern),
            "operations": violation.operations.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "cycle": violation.cycle.iter().map(|link| {
                json!([link.from, link.to, violation.because(link)])
            }).collect::<Vec<_>>(),
            "shortest": violation.is_shortest,
        }),
    });
    json!({
        "format": json::FORMAT,
        "command": "history",
        "exit": exit as u8,
        "read_as": format.name(),
        "operations": history.operations(),
        "transactions": history.transactions(),
        "sessions": history.sessions(),
        "keys": history.keys(),
        "seconds": seconds,
        "answers": answers.collect::<Vec<_>>(),
    })
}

/// Keys and values are a stranger's: what would control a terminal is spelt out.
fn printable(text: &str) -> String {
    let spelt = |c: char| match c.is_control() && c != '\n' {
        true => c.escape_default().collect::<String>(),
        false => c.into(),
    };
    text.chars().map(spelt).collect()
}
