//! Real sockets, a handler instead of the gateway.
