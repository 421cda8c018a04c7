//! The control plane: sources, store, compile
