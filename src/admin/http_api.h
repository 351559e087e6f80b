// Version 1 of the API: the command table by path and query. No sockets.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/commands/command.h"
#include "admin/commands/node.h"
#include "admin/http_message.h"

namespace vmq::admin {

inline constexpr std::string_view kApiPrefix = "/api/v1/";

/// Whether the API has `command`: not what is for a terminal, or goes on until somebody ends it.
[[nodiscard]] bool runs_over_http(const commands::Command& command) noexcept;

/// A command that may be run, with its line.
struct ApiCall {
    const commands::Command* command = nullptr;
    std::vector<std::string> line;
};

/// What `request`, whose path begins with kApiPrefix, asks for, or why it cannot be had. Its key
/// has been looked at; for what a refusal tells is not for strangers.
[[nodiscard]] std::variant<ApiCall, HttpResponse> plan_api_call(
    const HttpRequest& request, const commands::CommandTable& table);

/// Runs it, and waits for it; not on the server's thread.
[[nodiscard]] HttpResponse run_api_call(const ApiCall& call, const commands::CommandTable& table,
                                        commands::Node& node);

/// Why `request` may change nothing: a page of another origin has made a browser send it, or may
/// have. Nothing: it may.
[[nodiscard]] std::optional<HttpResponse> cross_site_refusal(const HttpRequest& request);

/// Answer to a request that asks which others are possible; of all of the API.
[[nodiscard]] HttpResponse api_options();

/// {"error":"text"}, with {"hint":"hint"} if that is not empty.
[[nodiscard]] HttpResponse api_error(unsigned status, std::string_view text,
                                     std::string_view hint = {});

}  // namespace vmq::admin
