"""Tasks in other processes of this machine: a fork server, its workers, and what is said between them."""
