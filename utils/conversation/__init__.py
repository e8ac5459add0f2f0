"""What one conversation consists of: messages, queues, dialogue policy, records, transcript."""
