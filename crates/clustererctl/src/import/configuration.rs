//! What a configuration of 2.2 says about the modules that are imported.

use super::listener::Listener;
use super::parameters::{self, Meaning, Parameter};
use super::place::{ImportError, Place};
use super::source::Source;
use super::statement::{Statement, Statements, Value};
use super::value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The port of a BIN listener, if nothing says otherwise.
const BIN_PORT: u16 = 5555;

pub(super) struct Configuration {
    /// The files it was read from, the first one first.
    pub(super) files: Vec<Arc<str>>,
    /// Where each of our modules is first named.
    pub(super) modules: BTreeMap<&'static str, Place>,
    settings: Vec<Setting>,
    pub(super) default_url: Option<(Place, Value)>,
    listeners: Vec<BinListener>,
    /// Listeners of other protocols.
    pub(super) other_listeners: usize,
    /// Modules that are not imported.
    pub(super) other_modules: BTreeSet<String>,
    /// Lines that begin with `#!` and a word.
    pub(super) directives: Vec<Place>,
    /// What looks like a macro.
    pub(super) macros: Vec<Place>,
}

/// A parameter as it is last set: so it counts in 2.2.
pub(super) struct Setting {
    pub(super) parameter: &'static Parameter,
    pub(super) at: Place,
    pub(super) value: Value,
}

struct BinListener {
    address: IpAddr,
    port: Option<u16>,
    notes: Vec<&'static str>,
}

/// How many lines are told of.
const MAX_MACROS: usize = 20;

const ADVERTISED: &str = "what follows the address (as, use_children) is for SIP";

impl Configuration {
    pub(super) fn read(source: Source<'_>) -> Result<Self, ImportError> {
        let mut configuration = Self {
            files: Vec::new(),
            modules: BTreeMap::new(),
            settings: Vec::new(),
            default_url: None,
            listeners: Vec::new(),
            other_listeners: 0,
            other_modules: BTreeSet::new(),
            directives: Vec::new(),
            macros: Vec::new(),
        };
        let mut statements = Statements::new(source);
        while let Some(statement) = statements.next()? {
            configuration.take(statement)?;
        }
        configuration.files.clone_from(&statements.source().names);
        configuration.directives.clone_from(&statements.source().directives);
        Ok(configuration)
    }

    /// What a module's parameter is set to.
    pub(super) fn setting(&self, parameter: &Parameter) -> Option<&Setting> {
        self.settings.iter().find(|it| std::ptr::eq(it.parameter, parameter))
    }

    /// The same by names.
    pub(super) fn named(&self, module: &str, name: &str) -> Option<&Setting> {
        parameters::find(module, name).and_then(|parameter| self.setting(parameter))
    }

    /// Where BIN is received, each address once, and what a reader should know of it.
    pub(super) fn bin_listeners(&self) -> Result<Vec<(SocketAddr, &[&'static str])>, ImportError> {
        let default = match self.named("proto_bin", "bin_port") {
            None => BIN_PORT,
            Some(setting) => value::integer(&setting.value)
                .and_then(|number| match u16::try_from(number) {
                    Ok(port) if port > 0 => Ok(port),
                    _ => Err(format!("{number}, expected a port from 1 to 65535")),
                })
                .map_err(|message| setting.error(message))?,
        };
        let mut seen = BTreeSet::new();
        let listeners = self.listeners.iter().map(|listener| {
            let address = SocketAddr::new(listener.address, listener.port.unwrap_or(default));
            (address, listener.notes.as_slice())
        });
        Ok(listeners.filter(|(address, _)| seen.insert(*address)).collect())
    }

    fn take(&mut self, statement: Statement) -> Result<(), ImportError> {
        match statement {
            Statement::Load { at, module } => self.name(&module, &at),
            Statement::Parameter(parameter) => {
                let super::statement::Parameter { modules, name, at, value } = parameter;
                self.set(&modules, &name, &at, &value)?;
            }
            Statement::Listen { at, address, has_more } => self.listen(&at, &address, has_more)?,
            Statement::DefaultUrl { at, value } => self.default_url = Some((at, value)),
            Statement::Macro { at } if self.macros.len() < MAX_MACROS => self.macros.push(at),
            Statement::Macro { .. } => {}
        }
        Ok(())
    }

    fn name(&mut self, module: &str, at: &Place) {
        match parameters::module(module) {
            Some(known) => {
                self.modules.entry(known).or_insert_with(|| at.clone());
            }
            None => {
                self.other_modules.insert(module.to_owned());
            }
        }
    }

    /// 2.2 takes a pattern for the modules. Names with `|` between them are what people write.
    fn set(
        &mut self,
        modules: &str,
        name: &str,
        at: &Place,
        value: &Value,
    ) -> Result<(), ImportError> {
        let is_name = |module: &str| {
            !module.is_empty()
                && module.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !modules.split('|').all(is_name) {
            let concerns_us = parameters::PARAMETERS.iter().any(|it| it.name == name);
            let message = "this pattern may mean one of the modules that are imported: write their \
                           names, with | between them";
            return if concerns_us { Err(ImportError::at(at, message)) } else { Ok(()) };
        }
        for module in modules.split('|') {
            self.name(module, at);
            let Some(module) = parameters::module(module) else { continue };
            let Some(parameter) = parameters::find(module, name) else {
                let message = format_args!("{module} has no such parameter in 2.2");
                return Err(ImportError::at(at, message));
            };
            if let Meaning::Refused(why) = parameter.meaning {
                return Err(ImportError::at(at, format_args!("{module}.{name}: {why}")));
            }
            self.settings.retain(|it| !it.parameter.is_same_key(parameter));
            self.settings.push(Setting { parameter, at: at.clone(), value: value.clone() });
        }
        Ok(())
    }

    fn listen(&mut self, at: &Place, text: &str, has_more: bool) -> Result<(), ImportError> {
        match Listener::parse(text).map_err(|error| ImportError::at(at, error))? {
            Listener::Other => self.other_listeners += 1,
            Listener::Bin { address, port, note } => {
                let more = has_more.then_some(ADVERTISED);
                let notes = note.into_iter().chain(more).collect();
                self.listeners.push(BinListener { address, port, notes });
            }
        }
        Ok(())
    }
}

impl Setting {
    /// An error about its value.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> ImportError {
        let Parameter { module, name, .. } = self.parameter;
        ImportError::at(&self.at, format_args!("{module}.{name}: {message}"))
    }
}
