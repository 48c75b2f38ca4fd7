"""Status by rule: which status a task's links call for, and who may set it when."""
