"""What is wrong with an org's connection: checks, the verdict, repairs and alerts."""
