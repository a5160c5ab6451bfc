"""Pictures of flows: a plain drawing, its layout, and what shows it."""
