//! Management over HTTP: what the daemon's server serves.

use crate::activation::Passed;
use crate::config::{ConfigError, Http};
use crate::run::Failure;
use crate::status;
use crate::vitals::Vitals;
use clusterer_mi::{CommandTable, HttpHandle, HttpServer, Token};
use clusterer_ratelimit::RateLimit;
use std::sync::Arc;

/// Binds the address, or takes the socket that was passed for it. Clients that connect wait until the
/// server serves.
pub(crate) fn bind(section: &Http, passed: &mut Passed) -> Result<HttpServer, Failure> {
    let mut config = section.config();
    config.token = token(section)?;
    let server = match passed.take(config.listen) {
        Some(socket) => HttpServer::over(config, socket),
        None => HttpServer::bind(config),
    };
    server.map_err(|error| section.error(&error).into())
}

/// Reads the token, if there is to be one.
pub(crate) fn token(section: &Http) -> Result<Option<Token>, ConfigError> {
    let Some(file) = &section.token_file.value else { return Ok(None) };
    Token::read(&file.0).map(Some).map_err(|error| section.token_file.error(error))
}

/// Serves the commands, the status page, and whether the node runs.
pub(crate) fn serve(
    server: HttpServer,
    section: &Http,
    vitals: &Vitals,
    ratelimit: Option<&RateLimit>,
    table: Arc<CommandTable>,
) -> Result<HttpHandle, Failure> {
    // Without a token anybody who sees the page could press its buttons.
    let control = section.token_file.value.as_ref().map(|_| format!("/{}", section.root.value));
    let asked = vitals.clone();
    status::mount(server, vitals.cluster(), ratelimit, control.as_deref())
        .commands(table)
        .ready_when(move || asked.ready())
        .serve()
        .map_err(|error| Failure::Run(error.into()))
}
