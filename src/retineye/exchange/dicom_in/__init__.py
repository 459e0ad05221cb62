"""What cameras and archives say to RetinEye by DICOM: echo, store, and ask for the worklist."""
