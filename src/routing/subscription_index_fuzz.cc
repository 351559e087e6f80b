// Bytes choose operations on the subscription index of several shards; a naive model checks it.
#include "routing/subscription_index.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "routing/subscription_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    vmq::routing::SubscriptionModel model(1);
    std::size_t at = 0;
    const auto pick = [&](std::uint32_t bound) {
        const std::uint32_t byte = at < size ? data[at] : 0U;
        ++at;
        return byte % bound;
    };
    std::string wrong;
    while (wrong.empty() && at < size) wrong = model.step(pick);
    if (wrong.empty()) wrong = model.finish();
    if (!wrong.empty()) {
        std::fprintf(stderr, "%s\n", wrong.c_str());
        std::abort();
    }
    return 0;
}
