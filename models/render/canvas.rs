//! Draws the lifelines and arrows of a run with box-drawing characters, a few rows a step.
//!
//! A message that arrives runs from its sender through a *track*, a column of the gap next to the
//! sender, down to the row of its receipt: what is drawn is when it was sent and when it arrived.

use super::flights::{Flight, flights};
use super::text::{Ink, Span};
use super::{Run, StepKind};

const NORTH: u8 = 1;
const EAST: u8 = 2;
const SOUTH: u8 = 4;
const WEST: u8 = 8;

/// Columns to the left of the first lifeline; room for an arrow from nowhere.
const MARGIN: usize = 2;

/// One character: which of its four sides a line leaves by, or a symbol instead.
#[derive(Clone, Copy, Default)]
struct Cell {
    sides: u8,
    symbol: Option<char>,
    ink: Ink,
}

/// The part of the diagram that has been drawn so far.
pub struct Canvas<'a> {
    run: &'a Run,
    /// Columns from one lifeline to the next; at least 5.
    spacing: usize,
    ascii: bool,
    flights: Vec<Flight>,
    /// What is under way in each column: an index into `flights`.
    tracks: Vec<Option<usize>>,
}

impl<'a> Canvas<'a> {
    pub fn new(run: &'a Run, spacing: usize, ascii: bool) -> Self {
        let width = MARGIN + run.lanes.len().saturating_sub(1) * spacing + 2;
        Canvas { run, spacing, ascii, flights: flights(run), tracks: vec![None; width] }
    }

    /// Columns of every row.
    pub fn width(&self) -> usize {
        self.tracks.len()
    }

    /// The column of a lifeline.
    pub fn column(&self, lane: usize) -> usize {
        MARGIN + lane * self.spacing
    }

    /// The messages that a step sent.
    pub fn sent_by(&self, step: usize) -> impl Iterator<Item = &Flight> {
        self.flights.iter().filter(move |flight| flight.sent_at == Some(step))
    }

    /// The message that a step took or lost.
    pub fn taken_by(&self, step: usize) -> Option<&Flight> {
        self.flights.iter().find(|flight| flight.ends.contains(&step))
    }

    /// A row in which nothing happens: lifelines, and messages under way.
    pub fn quiet_row(&self) -> Vec<Span> {
        self.spans(&self.background())
    }

    /// The rows of the next step: what it took, then what it sent. Steps must come in order.
    pub fn step_rows(&mut self, index: usize) -> Vec<Vec<Span>> {
        let step = &self.run.steps[index];
        let mut row = self.background();
        let taken = self.flights.iter().position(|flight| flight.ends.contains(&index));
        if let Some(flight) = taken {
            self.draw_end(&mut row, flight, index);
        }
        if step.lane < self.run.lanes.len() && step.kind != StepKind::Loss {
            let (symbol, ink) = match step.kind {
                _ if step.violates.is_some() => ('✖', Ink::Bad),
                StepKind::Fault => ('◆', Ink::Warn),
                _ => ('●', Ink::Bold),
            };
            row[self.column(step.lane)] = Cell { sides: 0, symbol: Some(symbol), ink };
        }
        let mut rows = Vec::new();
        let sends: Vec<usize> = self.sends_of(index);
        if taken.is_some() && !sends.is_empty() {
            rows.push(self.spans(&row));
            row = self.background();
        }
        for flight in sends {
            self.draw_send(&mut row, flight);
        }
        rows.push(self.spans(&row));
        rows
    }

    /// The messages of a step that leave its lane, the one that ends last first: it takes the inner
    /// track, so that the others do not have to cross it.
    fn sends_of(&self, step: usize) -> Vec<usize> {
        let lane = self.run.steps[step].lane;
        let leaves = |flight: &Flight| {
            flight.sent_at == Some(step)
                && flight.from.is_some()
                && flight.heading(self.run) != Some(lane)
        };
        let mut sends: Vec<usize> =
            (0..self.flights.len()).filter(|flight| leaves(&self.flights[*flight])).collect();
        sends.sort_by_key(|flight| std::cmp::Reverse(self.flights[*flight].ends.last().copied()));
        sends
    }

    fn background(&self) -> Vec<Cell> {
        let mut row: Vec<Cell> = vec![Cell::default(); self.width()];
        for lane in 0..self.run.lanes.len() {
            row[self.column(lane)] = Cell { sides: NORTH | SOUTH, symbol: None, ink: Ink::Dim };
        }
        for (cell, track) in row.iter_mut().zip(&self.tracks) {
            if track.is_some() {
                *cell = Cell { sides: NORTH | SOUTH, symbol: None, ink: Ink::Arrow };
            }
        }
        row
    }

    /// Draws how a message reaches the lane of step `at`, or is lost just before it.
    fn draw_end(&mut self, row: &mut [Cell], flight: usize, at: usize) {
        let to = self.column(self.run.steps[at].lane);
        if to >= row.len() {
            return;
        }
        let lost = self.run.steps[at].kind == StepKind::Loss;
        let ended = self.flights[flight].ends.last() == Some(&at);
        let track = self.tracks.iter().position(|track| *track == Some(flight));
        let from = match (track, self.flights[flight].from) {
            (Some(track), _) => {
                row[track].sides = if ended { NORTH } else { NORTH | SOUTH };
                if ended {
                    self.tracks[track] = None;
                }
                track
            }
            (None, Some(lane)) => self.column(lane),
            (None, None) => to - MARGIN,
        };
        if from == to {
            return;
        }
        draw_line(row, from, to);
        let before = if from < to { to - 1 } else { to + 1 };
        let (symbol, ink) = match lost {
            true => ('×', Ink::Bad),
            false => (if from < to { '▶' } else { '◀' }, Ink::Arrow),
        };
        row[before] = Cell { sides: 0, symbol: Some(symbol), ink };
        if lost {
            row[to].sides = NORTH | SOUTH;
            row[to].ink = Ink::Dim;
        }
    }

    /// Draws how a message leaves its sender: only its direction when it never arrives or no track
    /// is free.
    fn draw_send(&mut self, row: &mut [Cell], flight: usize) {
        let Some(sender) = self.flights[flight].from else { return };
        let from = self.column(sender);
        let Some(rightwards) = self.flights[flight].rightwards(self.run) else { return };
        let step_by = |offset: usize| if rightwards { from + offset } else { from - offset };
        let offsets = (2..self.spacing - 1).step_by(2).chain((3..self.spacing - 1).step_by(2));
        let free = offsets.map(step_by).find(|column| self.tracks.get(*column) == Some(&None));
        match free.filter(|_| !self.flights[flight].ends.is_empty()) {
            Some(track) => {
                draw_line(row, from, track);
                row[track].sides |= SOUTH;
                self.tracks[track] = Some(flight);
            }
            None => {
                let symbol = if rightwards { '▷' } else { '◁' };
                let stub = [step_by(1), step_by(2)];
                // Lines to tracks that start here too keep their place; the notes tell the rest.
                if stub.iter().all(|column| row[*column].sides == 0) {
                    row[stub[0]] = Cell { sides: EAST | WEST, symbol: None, ink: Ink::Warn };
                    row[stub[1]] = Cell { sides: 0, symbol: Some(symbol), ink: Ink::Warn };
                    row[from].sides |= if rightwards { EAST } else { WEST };
                } else if row[stub[0]].sides == 0 {
                    row[stub[0]] = Cell { sides: 0, symbol: Some(symbol), ink: Ink::Warn };
                }
            }
        }
    }

    fn spans(&self, row: &[Cell]) -> Vec<Span> {
        let draw = |(column, cell): (usize, &Cell)| {
            let track = self.tracks[column].is_some() && cell.sides == NORTH | SOUTH;
            let symbol = cell.symbol.unwrap_or_else(|| line(cell.sides, track));
            (cell.ink, if self.ascii { ascii(symbol) } else { symbol }.to_string())
        };
        row.iter().enumerate().map(draw).collect()
    }
}

/// Draws a horizontal line between two columns. Its ends keep the sides they had.
fn draw_line(row: &mut [Cell], from: usize, to: usize) {
    let (left, right) = (from.min(to), from.max(to));
    row[left].sides |= EAST;
    row[right].sides |= WEST;
    for cell in &mut row[left + 1..right] {
        cell.sides |= EAST | WEST;
    }
    for cell in &mut row[left..=right] {
        if cell.symbol.is_none() {
            cell.ink = Ink::Arrow;
        }
    }
}

/// The box-drawing character whose lines leave by these sides.
fn line(sides: u8, track: bool) -> char {
    const LINES: [char; 16] =
        [' ', '╵', '╶', '╰', '╷', '│', '╭', '├', '╴', '╯', '─', '┴', '╮', '┤', '┬', '┼'];
    if track { '┊' } else { LINES[usize::from(sides)] }
}

/// The nearest character that every terminal and every mail program shows.
fn ascii(symbol: char) -> char {
    match symbol {
        // A crossing too, so that it does not look like a corner.
        '│' | '┼' => '|',
        '┊' => ':',
        '─' => '-',
        '▶' | '▷' => '>',
        '◀' | '◁' => '<',
        '●' => 'o',
        '◆' => '#',
        '✖' => '!',
        '×' => 'x',
        ' ' => ' ',
        _ => '+',
    }
}
