//! The protocol of a pair as a model: every reachable state, within bounds, of the
//! agents that ship. This library is empty, so that nothing of the model can
//! get into a program; it is all in `tests/protocol`, and README.md says what.
