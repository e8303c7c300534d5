//! The README says what the server does.
#![cfg(test)]

use clap::CommandFactory;
use fare_server::Config;

const README: &str = include_str!("../README.md");

/// The rows of the README's table under this head, without its rule.
fn table(head: &str) -> Vec<&'static str> {
    let rows = README.lines().skip_while(|line| *line != head).skip(2);
    rows.take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn its_options_are_those_of_help() {
    let quoted =
        |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let command = Config::command();
    let options = command.get_arguments().map(|option| {
        let value =
            option.get_value_names().filter(|_| option.get_action().takes_values());
        let value = value.map_or(String::new(), |names| format!(" <{}>", names[0]));
        let name = format!("`--{}{value}`", option.get_long().unwrap());
        let env = quoted(option.get_env().unwrap_or_default().to_str().unwrap());
        let default = option.get_default_values().first();
        let default = default.map_or("", |value| value.to_str().unwrap());
        format!("| {name} | {env} | {default} | {} |", option.get_help().unwrap())
    });
    let options: Vec<_> = options.collect();
    assert_eq!(table("| option | environment | default | |"), options, "{options:#?}");
}
