// Randomness of OpenSSL from the seed of a run.
#pragma once

#include "base/random.h"

namespace vmq::sim {

/// From now on OpenSSL's random bytes are those of `random`, which has to live as long as anybody
/// asks; null: the bytes are zero. One thread.
void use_for_openssl(Random* random);

}  // namespace vmq::sim
