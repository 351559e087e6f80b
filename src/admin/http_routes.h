// What is answered to which path. No sockets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "admin/node_view.h"

namespace vmq::admin {

/// What one listener serves: VerneMQ's http_modules as far as they exist here.
struct HttpModules {
    bool status = true;   // vmq_status_http
    bool health = true;   // vmq_health_http
    bool metrics = true;  // vmq_metrics_http
};

struct HttpRequest {
    std::string_view method;
    std::string_view target;  // path and query, as sent
    std::string_view accept;  // the header; empty if there is none
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type;
    std::string content_security_policy;  // empty: the server's own, which allows nothing
    std::string body;                     // also for HEAD, whose answer leaves it out
};

/// What answers are made of. Each is called only if the answer needs it.
struct HttpSources {
    std::function<NodeView()> view;
    std::function<std::string()> metrics_text;
};

[[nodiscard]] HttpResponse respond(const HttpRequest& request, const HttpModules& modules,
                                   const HttpSources& sources);

/// An answer in plain words; a newline is added.
[[nodiscard]] HttpResponse plain_answer(unsigned status, std::string_view text);

}  // namespace vmq::admin
