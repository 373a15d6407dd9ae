// stb's image writer, which makes the pictures of the tests: not our code, not our warnings.
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
