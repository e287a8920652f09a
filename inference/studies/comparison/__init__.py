"""Which of some models predicts new data better: leave-one-out, refitted where it must be."""
