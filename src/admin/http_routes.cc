#include "admin/http_routes.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "admin/commands/table.h"
#include "admin/http_target.h"
#include "admin/openapi.h"
#include "admin/page_files.h"
#include "admin/status_json.h"

namespace vmq::admin {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

HttpResponse json_answer(unsigned status, std::string body) {
    return {status, std::string(kJson), std::move(body)};
}

HttpResponse page_file(std::string_view name, std::string_view content_type) {
    const auto files = page_files();
    const auto file = std::ranges::find(files, name, &PageFile::name);
    if (file == files.end()) return plain_answer(404, "not part of this build");
    return {200, std::string(content_type), std::string(file->content)};
}

HttpResponse health(const NodeView& view) {
    const std::string not_ready = listeners_not_ready(view);
    if (not_ready.empty()) return json_answer(200, health_json({}));
    return json_answer(503, health_json({"Listeners are not ready: " + not_ready}));
}

HttpResponse listener_health(const NodeView& view) {
    const std::string not_ready = listeners_not_ready(view);
    if (not_ready.empty()) return json_answer(200, listener_health_json({}));
    return json_answer(503, listener_health_json("Listeners are not ready: " + not_ready));
}

/// Whether the Accept header lets us answer with text/plain.
bool accepts_text(std::string_view accept) {
    if (accept.empty()) return true;
    std::string lower(accept);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return std::ranges::any_of(std::array{"text/plain", "text/*", "*/*"}, [&](const char* type) {
        return lower.find(type) != std::string::npos;
    });
}

std::string overview(const HttpModules& modules) {
    std::string text = "There is nothing here. This listener serves:\n";
    if (modules.status) text += "  /status                   the status page\n";
    if (modules.status) text += "  /status.json              its numbers\n";
    if (modules.health) text += "  /health                   200 if clients can connect\n";
    if (modules.health) text += "  /health/ping              200 always\n";
    if (modules.health) text += "  /health/listeners         200 if all listeners run\n";
    if (modules.metrics) text += "  /metrics                  for Prometheus\n";
    if (modules.api) text += "  /api/v1/COMMAND           what vmq-admin can do\n";
    if (modules.api) text += "  /api/v1/openapi.json      its description\n";
    if (modules.api_v2) text += "  /api/v2/client            whether a client is connected\n";
    if (modules.api_v2) text += "  /api/v2/disconnect        sends a client away\n";
    return text;
}

HttpResponse metrics(std::string_view accept, const HttpSources& sources) {
    if (!accepts_text(accept)) return plain_answer(406, "/metrics is text/plain only");
    return {200, std::string(kMetrics), sources.metrics_text()};
}

}  // namespace

HttpResponse plain_answer(unsigned status, std::string_view text) {
    return {status, "text/plain; charset=utf-8", std::string(text) + '\n'};
}

HttpResponse respond(const HttpRequest& request, const HttpModules& modules,
                     const HttpSources& sources) {
    if (request.method != "GET" && request.method != "HEAD") {
        return plain_answer(405, "only GET and HEAD are possible here");
    }
    const std::string_view path = path_of(request.target);
    if (modules.status) {
        if (path == "/" || path == "/status") {
            return page_file("index.html", "text/html; charset=utf-8");
        }
        if (path == "/status/status.css") return page_file("status.css", "text/css; charset=utf-8");
        if (path == "/status/status.js") {
            return page_file("status.js", "text/javascript; charset=utf-8");
        }
        if (path == "/status.json") return json_answer(200, status_json(sources.view()));
    }
    if (modules.health) {
        if (path == "/health") return health(sources.view());
        if (path == "/health/ping") return json_answer(200, health_json({}));
        if (path == "/health/listeners" || path == "/health/listeners_full_cluster") {
            return listener_health(sources.view());
        }
    }
    if (modules.metrics && path == "/metrics") {
        return metrics(request.accept, sources);
    }
    if (modules.api && path == kOpenApiPath) {
        return json_answer(200, openapi_json(commands::command_table()));
    }
    return plain_answer(404, overview(modules));
}

}  // namespace vmq::admin
