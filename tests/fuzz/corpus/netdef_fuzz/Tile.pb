$
datay"Tile*	
tiles*
axis