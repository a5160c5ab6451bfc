"""When a flow is due again: clocks, filters and adjustments, as objects that compute times."""
