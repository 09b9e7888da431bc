//! The configuration of `clustererd` that does what one of 2.2 does.

use super::configuration::{Configuration, Setting};
use super::parameters::{Meaning, PARAMETERS, Parameter};
use super::place::{ImportError, Place, one_line};
use super::statement::Value;
use super::value::{self, Kind, Written};
use clusterer_db::TableNames;
use std::fmt::Display;

/// How wide comments are.
const WIDTH: usize = 100;

const AUTH_CHECK: &str = "not set, so it is off, as in 2.2: pipes are accepted from any address and \
                          machine id. With true only from nodes of the cluster";

/// The file, which may hold a password.
///
/// # Errors
/// A value is wrong, one is missing, or one has no counterpart without which the rest would do something
/// else.
pub(super) fn render(configuration: &Configuration) -> Result<String, ImportError> {
    let mut toml = Toml::default();
    header(configuration, &mut toml);
    clusterer(configuration, &mut toml)?;
    bin(configuration, &mut toml)?;
    if let Some(at) = configuration.modules.get("mi_fifo") {
        toml.section("mi.fifo");
        required(configuration, "mi_fifo", "fifo_name", at)?;
        settings(configuration, "mi_fifo", &mut toml)?;
    }
    if let Some(at) = configuration.modules.get("mi_datagram") {
        toml.section("mi.datagram");
        datagram(configuration, at, &mut toml)?;
    }
    if configuration.modules.contains_key("ratelimit") {
        toml.section("ratelimit");
        ratelimit(configuration, &mut toml)?;
    }
    Ok(toml.text)
}

fn header(configuration: &Configuration, toml: &mut Toml) {
    let mut files = configuration.files.iter().map(|file| one_line(file));
    let main = files.next().unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    toml.comment(format_args!("Imported from {main} by clustererctl {version}."));
    let included: Vec<String> = files.collect();
    if !included.is_empty() {
        toml.comment(format_args!("Included by it: {}.", included.join(", ")));
    }
    toml.comment(
        "\"changed\" is above a key that means something else here than in 2.2, \"left out\" is a \
         parameter without a meaning here.",
    );
    toml.comment(
        "clustererd check-config --config FILE checks this file. It holds what the database's URL \
         holds: keep it from others if that is a password.",
    );
    if configuration.other_listeners > 0 {
        let count = configuration.other_listeners;
        toml.comment(format_args!("left out: listen lines of other protocols than bin: {count}"));
    }
    if !configuration.other_modules.is_empty() {
        let others: Vec<String> =
            configuration.other_modules.iter().map(|it| one_line(it)).collect();
        toml.comment(format_args!("left out: the modules {}", others.join(", ")));
    }
    for at in &configuration.directives {
        toml.comment(format_args!("not understood: {at}: a comment in 2.2, elsewhere a directive"));
    }
    for at in &configuration.macros {
        toml.comment(format_args!("not understood: {at}: a macro? Import what m4 makes of it"));
    }
}

fn clusterer(configuration: &Configuration, toml: &mut Toml) -> Result<(), ImportError> {
    let Some(at) = configuration.modules.get("clusterer") else {
        let file = configuration.files.first().map_or("", |file| file);
        return Err(ImportError::of(file, "the module clusterer is not loaded: nothing to import"));
    };
    toml.section("clusterer");
    if configuration.named("clusterer", "db_url").is_none() {
        let Some((at, url)) = &configuration.default_url else {
            let message = "clusterer.db_url is missing, and there is no db_default_url";
            return Err(ImportError::at(at, message));
        };
        let written = Kind::DbUrl
            .write(url)
            .map_err(|error| ImportError::at(at, format_args!("db_default_url: {error}")))?;
        toml.comment("from db_default_url");
        toml.key("db_url", &written);
    }
    if configuration.named("clusterer", "server_id").is_none() {
        let message = "clusterer.server_id is missing: 2.2 then takes 0, which is no machine here";
        return Err(ImportError::at(at, message));
    }
    check_names(configuration)?;
    settings(configuration, "clusterer", toml)
}

/// Names of columns differ from each other, and the table's from `version`.
fn check_names(configuration: &Configuration) -> Result<(), ImportError> {
    let of_names = |parameter: &&Parameter| {
        matches!(parameter.meaning, Meaning::Key { kind: Kind::SqlName, .. })
    };
    let names = || {
        let parameters = PARAMETERS.iter().filter(of_names);
        parameters.filter_map(|parameter| configuration.setting(parameter))
    };
    let pairs = names().filter_map(|it| Some((it.parameter.name, value::text(&it.value).ok()?)));
    let Err(error) = TableNames::new(pairs) else { return Ok(()) };
    let guilty = names().find(|it| it.parameter.name == error.key()).or_else(|| names().next());
    match guilty {
        // A name that is none has its own words.
        Some(setting) => {
            write(setting)?;
            Err(setting.error("the same name as that of another column, or of the version table"))
        }
        None => Ok(()),
    }
}

fn bin(configuration: &Configuration, toml: &mut Toml) -> Result<(), ImportError> {
    let listeners = configuration.bin_listeners()?;
    if listeners.is_empty() {
        toml.blank_line();
        toml.comment(
            "There is no listen line of the protocol bin: nothing is received from peers.",
        );
    } else {
        toml.section("bin");
        for (address, notes) in &listeners {
            for note in *notes {
                toml.comment(format_args!("changed: {address}: {note}"));
            }
        }
        let written: Vec<String> =
            listeners.iter().map(|(address, _)| format!("\"bin:{address}\"")).collect();
        toml.line(format_args!("listen = [{}]", written.join(", ")));
    }
    settings(configuration, "proto_bin", toml)
}

fn datagram(configuration: &Configuration, at: &Place, toml: &mut Toml) -> Result<(), ImportError> {
    let socket = required(configuration, "mi_datagram", "socket_name", at)?;
    let address = value::text(&socket.value).ok().and_then(value::udp);
    for parameter in of_module("mi_datagram") {
        let Some(setting) = configuration.setting(parameter) else { continue };
        if address.is_some() && parameter.name.starts_with("unix_socket_") {
            write(setting)?;
            toml.left_out(setting, "it is for a Unix socket");
        } else {
            put(setting, toml)?;
        }
    }
    if address.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
        toml.comment(
            "changed: other hosts can reach this address, and whoever reaches it runs commands, as \
             in 2.2. Here that has to be said",
        );
        toml.line("insecure = true");
    }
    Ok(())
}

fn ratelimit(configuration: &Configuration, toml: &mut Toml) -> Result<(), ImportError> {
    settings(configuration, "ratelimit", toml)?;
    if configuration.named("ratelimit", "repl_pipes_auth_check").is_none() {
        toml.comment(AUTH_CHECK);
        toml.line("repl_pipes_auth_check = false");
    }
    let [window, slot] =
        ["window_size", "slot_period"].map(|name| configuration.named("ratelimit", name));
    let number = |setting: Option<&Setting>, default| {
        setting.and_then(|it| value::integer(&it.value).ok()).unwrap_or(default)
    };
    // Both are in range by now, so that neither is 0 nor their product too large.
    let is_whole = (1000 * number(window, 10)).checked_rem(number(slot, 200)) == Some(0);
    match slot.or(window) {
        Some(setting) if !is_whole => {
            Err(setting.error("window_size is not a whole number of slots of slot_period"))
        }
        _ => Ok(()),
    }
}

fn of_module(module: &str) -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS.iter().filter(move |parameter| parameter.module == module)
}

fn settings(
    configuration: &Configuration,
    module: &str,
    toml: &mut Toml,
) -> Result<(), ImportError> {
    let set = of_module(module).filter_map(|parameter| configuration.setting(parameter));
    set.into_iter().try_for_each(|setting| put(setting, toml))
}

fn required<'a>(
    configuration: &'a Configuration,
    module: &str,
    name: &str,
    at: &Place,
) -> Result<&'a Setting, ImportError> {
    let missing = || ImportError::at(at, format_args!("{module}.{name} is missing"));
    configuration.named(module, name).ok_or_else(missing)
}

fn put(setting: &Setting, toml: &mut Toml) -> Result<(), ImportError> {
    match setting.parameter.meaning {
        Meaning::Key { key, changed, .. } => {
            let written = write(setting)?;
            if let Some(how) = changed {
                toml.comment(format_args!("changed: {how}"));
            }
            toml.key(key, &written);
        }
        Meaning::Port => {
            toml.left_out(setting, "it is written into the listeners that have no port");
        }
        Meaning::Nothing(why) | Meaning::Refused(why) => toml.left_out(setting, why),
    }
    Ok(())
}

fn write(setting: &Setting) -> Result<Written, ImportError> {
    match setting.parameter.meaning {
        Meaning::Key { kind, .. } => {
            kind.write(&setting.value).map_err(|message| setting.error(message))
        }
        _ => Err(setting.error("no key of ours")),
    }
}

#[derive(Default)]
struct Toml {
    text: String,
}

impl Toml {
    fn section(&mut self, name: &str) {
        self.blank_line();
        self.line(format_args!("[{name}]"));
    }

    fn key(&mut self, key: &str, written: &Written) {
        for note in &written.notes {
            self.comment(format_args!("changed: {note}"));
        }
        self.line(format_args!("{key} = {}", written.toml));
    }

    /// Strings are not shown: nobody would look for a password in a comment.
    fn left_out(&mut self, setting: &Setting, why: &str) {
        let name = setting.parameter.name;
        match setting.value {
            Value::Integer { number, is_octal: true } => {
                self.comment(format_args!("left out: {name} = 0{number:o}: {why}"));
            }
            Value::Integer { number, .. } => {
                self.comment(format_args!("left out: {name} = {number}: {why}"));
            }
            Value::Text(_) => {
                self.comment(format_args!("left out: {name}: {why}"));
            }
        }
    }

    fn comment(&mut self, text: impl Display) {
        let mut line = String::from("#");
        for word in text.to_string().split_whitespace() {
            if line.len() > 1 && line.len() + word.len() >= WIDTH {
                self.line(&line);
                line.truncate(0);
                line.push('#');
            }
            line.push(' ');
            line += word;
        }
        self.line(line);
    }

    fn blank_line(&mut self) {
        self.line("");
    }

    fn line(&mut self, line: impl Display) {
        self.text += &line.to_string();
        self.text.push('\n');
    }
}
