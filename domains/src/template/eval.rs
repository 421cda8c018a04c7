//! From a tree and values to text (`text/template/exec.go`).

use std::borrow::Cow;

use super::TemplateFault::Limit;
use super::format::Output;
use super::function::Function;
use super::tree::{Command, Node, Operand, Pipeline, Word};
use super::value::{Problem, Value, fails};
use super::{Fault, MOST_STEPS, NO_VALUE, Values};

/// Executes a template.
pub(super) fn execute(nodes: &[Node], values: &Values<'_>) -> Result<String, Fault> {
    let record = Value::Record(values);
    let variables = vec![("$", record.clone())];
    let mut execution = Execution { output: Output::default(), variables, steps: 0 };
    execution.nodes(nodes, &record)?;
    Ok(execution.output.into_text())
}

struct Execution<'a> {
    output: Output,
    /// Those that are set, the innermost last.
    variables: Vec<(&'a str, Value<'a>)>,
    steps: usize,
}

/// Says where a problem is.
trait Locate<T> {
    fn at(self, at: usize) -> Result<T, Fault>;
}

impl<T> Locate<T> for Result<T, Problem> {
    fn at(self, at: usize) -> Result<T, Fault> {
        self.map_err(|(sort, problem)| Fault::new(sort, at, problem))
    }
}

impl<'a> Execution<'a> {
    fn step(&mut self, at: usize) -> Result<(), Fault> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Fault::new(Limit, at, format!("takes more than {MOST_STEPS} steps")));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &'a [Node], dot: &Value<'a>) -> Result<(), Fault> {
        nodes.iter().try_for_each(|node| self.node(node, dot))
    }

    fn node(&mut self, node: &'a Node, dot: &Value<'a>) -> Result<(), Fault> {
        match node {
            Node::Text { at, text } => self.output.push(text).at(*at),
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.output.push_value(&value, NO_VALUE).at(pipeline.at)?;
                }
                Ok(())
            }
            Node::Choice { moves_dot, arms, otherwise } => {
                let known = self.variables.len();
                self.choice(*moves_dot, arms, otherwise, dot)?;
                self.variables.truncate(known);
                Ok(())
            }
            Node::Range { over, body, otherwise } => {
                let known = self.variables.len();
                self.range(over, body, otherwise, dot)?;
                self.variables.truncate(known);
                Ok(())
            }
        }
    }

    fn choice(
        &mut self,
        moves_dot: bool,
        arms: &'a [(Pipeline, Vec<Node>)],
        otherwise: &'a [Node],
        dot: &Value<'a>,
    ) -> Result<(), Fault> {
        for (pipeline, nodes) in arms {
            let value = self.pipeline(pipeline, dot)?;
            if value.truth() {
                return self.nodes(nodes, if moves_dot { &value } else { dot });
            }
        }
        self.nodes(otherwise, dot)
    }

    fn range(
        &mut self,
        over: &'a Pipeline,
        body: &'a [Node],
        otherwise: &'a [Node],
        dot: &Value<'a>,
    ) -> Result<(), Fault> {
        match self.pipeline(over, dot)? {
            Value::Map(map) if !map.is_empty() => map.iter().try_for_each(|(key, value)| {
                let [key, value] = [key, value].map(|text| Value::Text(Cow::Borrowed(text.as_str())));
                self.iteration(over, body, key, &value)
            }),
            Value::Int(_) if over.variables.len() > 1 => {
                fails("a number gives no pairs; write one variable").at(over.at)
            }
            Value::Int(count) if count > 0 => {
                (0..count).try_for_each(|index| self.iteration(over, body, Value::Nil, &Value::Int(index)))
            }
            Value::Map(_) | Value::Int(_) | Value::Nil => self.nodes(otherwise, dot),
            other => fails(format!("range takes a map or a number, not {}", other.type_name())).at(over.at),
        }
    }

    fn iteration(
        &mut self,
        over: &'a Pipeline,
        body: &'a [Node],
        key: Value<'a>,
        value: &Value<'a>,
    ) -> Result<(), Fault> {
        self.step(over.at)?;
        let known = self.variables.len();
        let pair = [key, value.clone()];
        let count = over.variables.len();
        for (index, (name, part)) in over.variables.iter().zip(pair.into_iter().skip(2 - count)).enumerate() {
            if over.assigns {
                self.assign(name, part).at(over.at)?;
            } else {
                self.variables[known - count + index].1 = part;
            }
        }
        self.nodes(body, value)?;
        self.variables.truncate(known);
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Value<'a>) -> Result<Value<'a>, Fault> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        let value = last.unwrap_or(Value::Nil);
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(name, value.clone()).at(pipeline.at)?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// Sets the innermost variable of this name.
    fn assign(&mut self, name: &str, value: Value<'a>) -> Result<(), Problem> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, variable)) => *variable = value,
            None => return fails(format!("{name} is set nowhere before; write {name} :=")),
        }
        Ok(())
    }

    /// What a command gives; `last` is what the one before it gave.
    fn command(&mut self, command: &'a Command, dot: &Value<'a>, last: Option<Value<'a>>) -> Result<Value<'a>, Fault> {
        let Command { word, arguments } = command;
        let has_arguments = !arguments.is_empty() || last.is_some();
        if let (Operand::Function(function), true) = (&word.operand, word.fields.is_empty()) {
            self.step(word.at)?;
            return self.call(*function, word.at, arguments, dot, last);
        }
        if matches!(word.operand, Operand::Nil) {
            return fails("nil can only be an argument").at(word.at);
        }
        if has_arguments && word.fields.is_empty() {
            return fails("it is no function and takes nothing").at(word.at);
        }
        self.word(word, dot, has_arguments)
    }

    /// What a word gives; the last of its fields must be no value if there are arguments.
    fn word(&mut self, word: &'a Word, dot: &Value<'a>, has_arguments: bool) -> Result<Value<'a>, Fault> {
        self.step(word.at)?;
        let mut value = match &word.operand {
            Operand::Dot => dot.clone(),
            Operand::Nil => Value::Nil,
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Int(value) => Value::Int(*value),
            Operand::Text(text) => Value::Text(Cow::Borrowed(text)),
            Operand::Variable(name) => {
                let variable = self.variables.iter().rev().find(|(known, _)| known == name);
                match variable {
                    Some((_, value)) => value.clone(),
                    None => return fails(format!("{name} is not set here")).at(word.at),
                }
            }
            Operand::Function(function) => self.call(*function, word.at, &[], dot, None)?,
            Operand::Pipeline(pipeline) => self.pipeline(pipeline, dot)?,
        };
        for (index, name) in word.fields.iter().enumerate() {
            let is_last = index + 1 == word.fields.len();
            value = value.field(name, has_arguments && is_last).at(word.at)?;
        }
        Ok(value)
    }

    fn call(
        &mut self,
        function: Function,
        at: usize,
        arguments: &'a [Word],
        dot: &Value<'a>,
        last: Option<Value<'a>>,
    ) -> Result<Value<'a>, Fault> {
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            let value = self.word(argument, dot, false)?;
            let decides = matches!((function, value.truth()), (Function::And, false) | (Function::Or, true));
            if decides {
                return Ok(value);
            }
            values.push(value);
        }
        values.extend(last);
        function.call(values).at(at)
    }
}
