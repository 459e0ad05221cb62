"""A signed exam as DICOM objects, and their way to an archive. What is made here is a pure function of what is told."""
