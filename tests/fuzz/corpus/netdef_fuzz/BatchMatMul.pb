5
data
wy"BatchMatMul*
trans_b*
	broadcast