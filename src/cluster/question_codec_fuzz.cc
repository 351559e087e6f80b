// Any bytes as frames of questions: either refused, or what was read is written to the same bytes.
#include "cluster/question_codec.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace vmq::cluster {
namespace {

template <typename Kind>
void check(std::string_view body) {
    Kind kind;
    if (!decode(body, kind)) return;
    std::string frame;
    append(kind, frame);
    VMQ_ASSERT(std::string_view(frame).substr(kFrameOverhead) == body);
}

}  // namespace
}  // namespace vmq::cluster

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::cluster;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check<Question>(bytes);
    check<AnswerPortion>(bytes);
    check<MoreOfAnswer>(bytes);
    return 0;
}
