"""What past runs tell: what tasks were made from, why they ran, and what differs between two runs."""
