"""Models, optimizers and the Trainer."""
