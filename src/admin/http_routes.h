// What is answered to which path. No sockets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "admin/http_message.h"
#include "admin/http_modules.h"
#include "admin/node_view.h"

namespace vmq::admin {

/// What answers are made of. Each is called only if the answer needs it.
struct HttpSources {
    std::function<NodeView()> view;
    std::function<std::string()> metrics_text;
};

/// To everything but commands, which http_api answers. Keys have been looked at.
[[nodiscard]] HttpResponse respond(const HttpRequest& request, const HttpModules& modules,
                                   const HttpSources& sources);

/// An answer in plain words; a newline is added.
[[nodiscard]] HttpResponse plain_answer(unsigned status, std::string_view text);

}  // namespace vmq::admin
