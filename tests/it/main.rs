//! countersign from the outside: a gateway, an upstream and a clock over real sockets; one module per behaviour.

#![expect(clippy::arithmetic_side_effects, reason = "offsets within a test's own bytes")]

#[cfg(test)]
mod access;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod answers_streamed;
#[cfg(test)]
mod audited;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod captured;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod challenge;
#[cfg(test)]
mod derived;
#[cfg(test)]
mod descriptors;
#[cfg(test)]
mod doubt;
#[cfg(test)]
mod drf;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod exact;
#[cfg(test)]
mod ext_authz;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod forward_auth;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod health;
#[cfg(test)]
mod hop;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod key_uses;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod links;
mod malformed;
#[cfg(test)]
mod many_keys;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod paths_fault;
#[cfg(test)]
mod paths_head;
#[cfg(test)]
mod paths_observe;
#[cfg(test)]
mod paths_stream;
#[cfg(test)]
mod promised;
#[cfg(test)]
mod proxy_protocol;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rfc9421;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod shared_replay;
#[cfg(test)]
mod sign;
#[cfg(test)]
mod sigv4;
mod sources;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod supervised;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod unhappy;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod upgraded;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verified;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod without_file;
#[cfg(test)]
mod world;
#[cfg(test)]
mod world_itself;
