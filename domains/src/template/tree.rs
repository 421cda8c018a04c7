//! What a template says.

use super::function::Function;

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text as it is.
    Text { at: usize, text: String },
    /// The value of a pipeline, unless it sets variables.
    Action(Pipeline),
    /// `if` or `with`: the first arm that is true.
    Choice { moves_dot: bool, arms: Vec<(Pipeline, Vec<Node>)>, otherwise: Vec<Node> },
    /// `range`: once for each element.
    Range { over: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
}

/// Commands, each of which gets what the one before gives.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) at: usize,
    /// Variables that get the value.
    pub(super) variables: Vec<String>,
    /// Whether they are there already.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// What is done, and with what.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) word: Word,
    pub(super) arguments: Vec<Word>,
}

/// An operand, and fields of its value.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) operand: Operand,
    pub(super) fields: Vec<String>,
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Text(String),
    Variable(String),
    Function(Function),
    Pipeline(Pipeline),
}

impl Word {
    /// Whether it can take nothing from the command before it.
    pub(super) fn is_constant(&self) -> bool {
        use Operand::{Bool, Dot, Int, Nil, Text};
        self.fields.is_empty() && matches!(self.operand, Dot | Nil | Bool(_) | Int(_) | Text(_))
    }
}
