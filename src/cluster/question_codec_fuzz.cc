// Any bytes as frames of questions: either refused, or what was read is written to the same bytes.
#include "cluster/question_codec.h"

#include <cstdint>
#include <string_view>

#include "support/frame_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::cluster;
    using vmq::testing::check_frame;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_frame<Question>(bytes);
    check_frame<AnswerPortion>(bytes);
    check_frame<MoreOfAnswer>(bytes);
    return 0;
}
