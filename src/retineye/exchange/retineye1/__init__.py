"""The first RetinEye: what its MongoDB collections and its folder of pictures hold, brought over as it is left."""
