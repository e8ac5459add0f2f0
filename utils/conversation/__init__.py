"""What one conversation consists of: messages, queues, records, transcript."""
