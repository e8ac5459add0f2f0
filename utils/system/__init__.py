"""What concerns the process and its machine: threads, signals, ports, logging, memory."""
