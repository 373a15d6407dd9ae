*
data
wy"Add*
	broadcast*
axis