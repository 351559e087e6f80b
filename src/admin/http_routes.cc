#include "admin/http_routes.h"

#include <fmt/format.h>

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

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

HttpResponse json_answer(unsigned status, std::string body) {
    return {status, std::string(kJsonType), std::move(body)};
}

std::string_view content_type_of(std::string_view name) {
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".svg")) return "image/svg+xml";
    return "text/javascript; charset=utf-8";
}

/// Nothing but what this listener serves, and MQTT on the ports of the WebSocket listeners: with
/// the test client a password is typed into the page.
std::string page_policy(const NodeView& view) {
    std::string connect = "'self'";
    for (const auto& listener : view.node.listeners) {
        if (!listener.type.starts_with("mqttws") || listener.port == 0) continue;
        const bool tls = listener.type == "mqttwss";
        connect += fmt::format(" {}://*:{}", tls ? "wss" : "ws", listener.port);
    }
    return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " +
           connect + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

HttpResponse page_file(const PageFile& file) {
    return {200, std::string(content_type_of(file.name)), std::string(file.content)};
}

HttpResponse page(const NodeView& view) {
    const auto files = page_files();
    const auto file = std::ranges::find(files, "index.html", &PageFile::name);
    if (file == files.end()) return plain_answer(404, "not part of this build");
    HttpResponse response = page_file(*file);
    response.headers.emplace_back("Content-Security-Policy", page_policy(view));
    return response;
}

/// Null: there is no such part of the page.
const PageFile* part_of_page(std::string_view path) {
    constexpr std::string_view kFolder = "/status/";
    if (!path.starts_with(kFolder)) return nullptr;
    const auto files = page_files();
    const auto file = std::ranges::find(files, path.substr(kFolder.size()), &PageFile::name);
    return file == files.end() || file->name == "index.html" ? nullptr : &*file;
}

/// Why no more clients should be sent here; empty: they should.
std::vector<std::string> reasons_against(const NodeView& view) {
    std::vector<std::string> reasons;
    if (view.stopping) reasons.emplace_back("The node is stopping");
    const std::string not_ready = listeners_not_ready(view);
    if (!not_ready.empty()) reasons.push_back("Listeners are not ready: " + not_ready);
    return reasons;
}

HttpResponse health(const NodeView& view) {
    const auto reasons = reasons_against(view);
    return json_answer(reasons.empty() ? 200 : 503, health_json(reasons));
}

HttpResponse listener_health(const NodeView& view) {
    const auto reasons = reasons_against(view);
    if (reasons.empty()) return json_answer(200, listener_health_json({}));
    return json_answer(503, listener_health_json(reasons.front()));
}

/// For probes that are to fail while the cluster is not whole.
HttpResponse cluster_health(const NodeView& view) {
    const auto& nodes = view.node.cluster.nodes;
    const bool whole = std::ranges::all_of(nodes, &broker::ClusterNode::running);
    if (!whole) return json_answer(503, listener_health_json("At least one node is offline"));
    return listener_health(view);
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
    if (modules.health) text += "  /health/listeners_full_cluster  the same, and all nodes run\n";
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
        if (path == "/" || path == "/status") return page(sources.view());
        if (const PageFile* part = part_of_page(path)) return page_file(*part);
        if (path == "/status.json") return json_answer(200, status_json(sources.view()));
    }
    if (modules.health) {
        if (path == "/health") return health(sources.view());
        if (path == "/health/ping") return json_answer(200, health_json({}));
        if (path == "/health/listeners") return listener_health(sources.view());
        if (path == "/health/listeners_full_cluster") return cluster_health(sources.view());
    }
    if (modules.metrics && path == "/metrics") {
        return metrics(request.accept, sources);
    }
    if (modules.api && path == kOpenApiPath) {
        static const std::string text = openapi_json(commands::command_table());
        return json_answer(200, text);
    }
    return plain_answer(404, overview(modules));
}

}  // namespace vmq::admin
