"""The domain: patients, exams, photographs on their road to a verdict, and the patient's result."""
