//! The data plane: front, exchange, upstream, observe, admin
