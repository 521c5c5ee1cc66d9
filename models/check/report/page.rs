//! The frame of a page, tables, and how text is kept from being markup.

use crate::{console::Ink, summary::Verdict};

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A whole page: the verdict, and then the rest.
pub fn page(title: &str, subtitle: &str, verdict: &Verdict, body: &str) -> String {
    let (title, subtitle, class) = (escape(title), escape(subtitle), class(verdict.ink));
    let words = verdict.paragraphs.iter().map(|words| format!("<p>{}</p>", escape(words)));
    let (head, words) = (escape(verdict.head), words.collect::<String>());
    let style = include_str!("page.css");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"dim\">{subtitle}</p>\n\
         <section class=\"verdict {class}\"><h2>{head}</h2>{words}</section>\n{body}</body>\n</html>\n"
    )
}

/// A part of a page.
pub fn section(title: &str, words: &str, content: &str) -> String {
    format!("<section><h2>{}</h2>\n<p>{}</p>\n{content}</section>\n", escape(title), escape(words))
}

/// A table; cells are HTML. Columns whose name begins with `#` hold numbers.
pub fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let number = |at: usize| if columns[at].starts_with('#') { " class=\"n\"" } else { "" };
    let names = columns.iter().enumerate();
    let names = names.map(|(at, name)| {
        format!("<th scope=\"col\"{}>{}</th>", number(at), escape(name.trim_start_matches('#')))
    });
    let row = |cells: Vec<String>| {
        let cells = cells.iter().enumerate();
        let cells = cells.map(|(at, cell)| format!("<td{}>{cell}</td>", number(at)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let (names, rows) = (names.collect::<String>(), rows.into_iter().map(row).collect::<String>());
    format!(
        "<div class=\"wide\"><table><thead><tr>{names}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// Words in a colour. What a colour says, the words say too.
pub fn inked(ink: Ink, words: &str) -> String {
    format!("<span class=\"{}\">{}</span>", class(ink), escape(words))
}

fn class(ink: Ink) -> &'static str {
    match ink {
        Ink::Good => "good",
        Ink::Bad => "bad",
        Ink::Warn => "warn",
        Ink::Bold => "bold",
        Ink::Dim => "dim",
    }
}
