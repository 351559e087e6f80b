// An HTTP request as far as answers depend on it, and an answer.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmq::admin {

/// Headers are empty if they are not there. Valid as long as what it was read from.
struct HttpRequest {
    std::string_view method;
    std::string_view target;  // path and query, as sent
    std::string_view accept{};
    std::string_view content_type{};
    std::string_view fetch_site{};  // Sec-Fetch-Site: whose page made the browser send it
    std::string_view origin{};      // likewise, of browsers that do not say that
    std::string_view referer{};     // likewise, of those that do not say this either
    std::string_view user_agent{};
    std::string_view host{};
    std::string_view body{};
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type;
    std::string body;  // also for HEAD, whose answer leaves it out
    std::vector<std::pair<std::string, std::string>> headers{};
};

}  // namespace vmq::admin
