#include "sim/chance.h"

#include <openssl/rand.h>

#include "base/assert.h"

namespace vmq::sim {
namespace {

Random* source = nullptr;

int give_bytes(unsigned char* into, int count) {
    for (int i = 0; i < count; ++i) {
        into[i] = source == nullptr ? 0 : static_cast<unsigned char>(source->next() >> 56U);
    }
    return 1;
}

}  // namespace

// Nonces of links are the only random bytes that a run needs of OpenSSL. What it has for this is
// declared out of date, in favour of providers, which are a hundred times longer.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void use_for_openssl(Random* random) {
    source = random;
    static const RAND_METHOD method{nullptr, give_bytes, nullptr,
                                    nullptr, give_bytes, [] { return 1; }};
    VMQ_ASSERT(RAND_set_rand_method(&method) == 1);
}
#pragma GCC diagnostic pop

}  // namespace vmq::sim
