// Any bytes as the request of a client: the answer does not depend on how they were cut, is bounded
// and complete, and says where the request ends.
#include "transport/http_upgrade.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"

namespace vmq::transport {
namespace {

using Status = HttpUpgradeStatus;

HttpUpgradeOptions small_options() {
    HttpUpgradeOptions options;
    options.paths = {"/mqtt", "/other"};
    options.common_name_header = "x-ssl-client-cn";
    options.max_request_line = 100;
    options.max_header_value = 200;
    options.max_request_size = 1'000;
    return options;
}

struct Answer {
    HttpUpgradeResult result;
    std::size_t request_size = 0;
};

/// Feeds pieces of `step` bytes; 0: all at once.
Answer feed(std::string_view bytes, const HttpUpgradeOptions& options, std::size_t step) {
    HttpUpgrade upgrade(options);
    Answer answer;
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, step == 0 ? bytes.size() : step);
        answer.result = upgrade.receive(piece);
        answer.request_size += answer.result.consumed;
        if (answer.result.status != Status::NeedMore) break;
        VMQ_ASSERT(answer.result.consumed == piece.size());
        bytes.remove_prefix(piece.size());
    }
    return answer;
}

void check_answer(const Answer& answer, std::string_view bytes, const HttpUpgradeOptions& options) {
    const auto& result = answer.result;
    VMQ_ASSERT(result.status != Status::NeedMore || bytes.size() < options.max_request_size);
    VMQ_ASSERT((result.status == Status::NeedMore) == result.response.empty());
    VMQ_ASSERT((result.status == Status::Refused) == !result.reason.empty());
    VMQ_ASSERT(result.response.size() < 1'000 && result.reason.size() < 300);
    VMQ_ASSERT(result.reason.find("Success") == std::string::npos);
    if (result.status == Status::NeedMore) return;
    VMQ_ASSERT(result.response.find("\r\n\r\n") != std::string::npos);
    if (result.status == Status::Refused) return;
    const auto request = bytes.substr(0, answer.request_size);
    VMQ_ASSERT(request.size() <= options.max_request_size);
    VMQ_ASSERT(request.find("\r\n\r\n") == request.size() - 4);
    VMQ_ASSERT(result.request.subprotocol == "mqtt" || result.request.subprotocol == "mqttv3.1");
    VMQ_ASSERT(result.request.forwarded_for.size() < 46);
    VMQ_ASSERT(result.request.user_agent.size() <= options.max_header_value);
}

void check_cuts(std::string_view bytes, const HttpUpgradeOptions& options) {
    const auto all = feed(bytes, options, 0);
    check_answer(all, bytes, options);
    for (const std::size_t step : {1U, 3U, 64U}) {
        const auto cut = feed(bytes, options, step);
        VMQ_ASSERT(cut.result.status == all.result.status);
        VMQ_ASSERT(cut.result.response == all.result.response);
        VMQ_ASSERT(cut.result.reason == all.result.reason);
        VMQ_ASSERT(all.result.status != Status::Accepted || cut.request_size == all.request_size);
        VMQ_ASSERT(cut.result.request.common_name == all.result.request.common_name);
    }
}

}  // namespace
}  // namespace vmq::transport

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::transport;
    static const HttpUpgradeOptions small = small_options();
    static const HttpUpgradeOptions usual;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_cuts(bytes, small);
    check_cuts(bytes, usual);
    return 0;
}
