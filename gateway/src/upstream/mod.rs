//! Where a request goes: endpoints, names, connections.
