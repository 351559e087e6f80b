#include "admin/openapi.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <limits>
#include <string_view>
#include <utility>

#include "admin/http_api.h"

namespace vmq::admin {
namespace {

namespace json = boost::json;
using commands::Access;
using commands::Argument;
using commands::Command;
using commands::Flag;
using commands::Operands;
using commands::Takes;
using commands::ValueType;

json::string text(std::string_view what) { return json::string(what.data(), what.size()); }

json::object reference(std::string_view kind, std::string_view name) {
    return {{"$ref", "#/components/" + std::string(kind) + "/" + std::string(name)}};
}

json::object schema_of(ValueType type, std::int64_t minimum) {
    switch (type) {
        case ValueType::Integer: {
            json::object schema{{"type", "integer"}, {"format", "int64"}};
            if (minimum != std::numeric_limits<std::int64_t>::min()) schema["minimum"] = minimum;
            return schema;
        }
        case ValueType::Boolean:
            return {{"type", "boolean"}};
        case ValueType::Text:
            break;
    }
    return {{"type", "string"}};
}

json::object schema_of(const Flag& flag) {
    return flag.takes == Takes::Nothing ? json::object{{"type", "boolean"}}
                                        : schema_of(flag.type, flag.minimum);
}

json::object parameter(std::string_view name, std::string_view help, json::object schema) {
    json::object result;
    result["name"] = text(name);
    result["in"] = "query";
    result["description"] = text(help);
    result["schema"] = std::move(schema);
    return result;
}

/// In a query the words of the command line, dashes included.
json::array parameters_of(const Command& command, bool arguments_required) {
    json::array result;
    if (command.operands == Operands::Keys) {
        result.push_back({{"name", "key"},
                          {"in", "path"},
                          {"required", true},
                          {"description", "Name of a setting; more may follow behind slashes."},
                          {"schema", {{"type", "string"}}}});
    }
    if (command.operands == Operands::Assignments) {
        result.push_back(
            {{"name", "settings"},
             {"in", "query"},
             {"description", "KEY=VALUE for each setting."},
             {"style", "form"},
             {"explode", true},
             {"schema", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}}});
    }
    for (const Argument& argument : command.arguments) {
        json::object one =
            parameter(argument.name, argument.help, schema_of(argument.type, argument.minimum));
        if (argument.required && arguments_required) one["required"] = true;
        result.push_back(std::move(one));
    }
    for (const Flag& flag : command.flags) {
        if (flag.local) continue;
        json::object one = parameter("--" + std::string(flag.name), flag.help, schema_of(flag));
        if (flag.takes != Takes::Value) one["allowEmptyValue"] = true;
        result.push_back(std::move(one));
    }
    return result;
}

json::object body_of(const Command& command) {
    json::object arguments{{"type", "object"}};
    json::object properties;
    json::array required;
    for (const Argument& argument : command.arguments) {
        json::object schema = schema_of(argument.type, argument.minimum);
        schema["description"] = text(argument.help);
        properties[text(argument.name)] = std::move(schema);
    }
    if (command.operands == Operands::Assignments) {
        arguments["additionalProperties"] = json::object{{"type", "string"}};
    } else {
        arguments["properties"] = std::move(properties);
        arguments["additionalProperties"] = false;
    }
    json::object flags{{"type", "object"}, {"additionalProperties", false}};
    json::object flag_properties;
    for (const Flag& flag : command.flags) {
        if (flag.local) continue;
        json::object schema = schema_of(flag);
        schema["description"] = text(flag.help);
        if (flag.takes == Takes::Optional) {
            schema = {{"description", text(flag.help)},
                      {"oneOf", json::array{schema_of(flag), {{"type", "boolean"}}}}};
        }
        flag_properties[text(flag.name)] = std::move(schema);
    }
    flags["properties"] = std::move(flag_properties);
    json::object schema{{"type", "object"}, {"additionalProperties", false}};
    schema["properties"] =
        json::object{{"arguments", std::move(arguments)}, {"flags", std::move(flags)}};
    return {{"required", false},
            {"description", "Instead of the query, or besides it."},
            {"content", {{"application/json", {{"schema", std::move(schema)}}}}}};
}

json::object responses() {
    json::object result;
    result["200"] = reference("responses", "Answer");
    for (const char* status : {"400", "401", "403", "405", "413", "415", "429", "503"}) {
        result[status] = reference("responses", "Error");
    }
    return result;
}

std::string operation_id(std::string_view method, std::string_view words) {
    std::string id = std::string(method) + "_" + std::string(words);
    std::ranges::replace(id, ' ', '_');
    std::ranges::replace(id, '-', '_');
    return id;
}

json::object operation(const Command& command, std::string_view method) {
    const std::string_view group = command.words.substr(0, command.words.find(' '));
    json::object result;
    result["operationId"] = operation_id(method, command.words);
    result["tags"] = json::array{text(group)};
    result["summary"] = text(command.summary);
    if (!command.help.empty()) result["description"] = text(command.help);
    const bool post = method == "post";
    result["parameters"] = parameters_of(command, !post);
    if (post) result["requestBody"] = body_of(command);
    if (!post && command.access == Access::Change) result["deprecated"] = true;
    result["responses"] = responses();
    return result;
}

json::object query_parameter(std::string_view name, std::string_view help, bool required,
                             bool valueless) {
    json::object result = parameter(name, help, {{"type", valueless ? "boolean" : "string"}});
    if (required) result["required"] = true;
    if (valueless) result["allowEmptyValue"] = true;
    return result;
}

json::object version_2(std::string_view method, std::string_view word, std::string_view summary,
                       json::array parameters, json::object schema) {
    json::object responses;
    responses["200"] = {{"description", "What there is to say."},
                        {"content", {{"application/json", {{"schema", std::move(schema)}}}}}};
    for (const char* status : {"400", "401", "403", "405", "429", "503"}) {
        responses[status] = reference("responses", "Error");
    }
    json::object result;
    result["operationId"] = operation_id(method, "v2_" + std::string(word));
    result["tags"] = json::array{"v2"};
    result["summary"] = text(summary);
    result["parameters"] = std::move(parameters);
    result["responses"] = std::move(responses);
    return result;
}

void add_version_2(json::object& paths) {
    const auto common = [](std::string_view flag, std::string_view help) {
        return json::array{query_parameter("client_id", "The client.", true, false),
                           query_parameter("mountpoint", "Of the client.", false, false),
                           query_parameter(flag, help, false, true)};
    };
    const json::object status{
        {"type", "object"},
        {"properties",
         {{"status", {{"type", "string"}, {"enum", {"online", "offline", "no_queue", "unknown"}}}},
          {"topics",
           {{"description", "QoS by filter; an empty array if there are none."},
            {"oneOf",
             json::array{{{"type", "object"}, {"additionalProperties", {{"type", "integer"}}}},
                         {{"type", "array"}, {"items", json::object()}}}}}}}}};
    const json::object outcome{{"type", "string"}, {"enum", {"ok", "not_found", "unknown"}}};
    json::object client;
    client["get"] = version_2("get", "client", "Tells whether a client is connected.",
                              common("topics", "Its subscriptions as well."), status);
    paths["/api/v2/client"] = std::move(client);
    json::object disconnect;
    for (const char* method : {"get", "post"}) {
        disconnect[method] = version_2(method, "disconnect", "Disconnects a client.",
                                       common("cleanup", "Ends its session as well."), outcome);
    }
    paths["/api/v2/disconnect"] = std::move(disconnect);
}

json::object components() {
    const json::object value{
        {"nullable", true},
        {"oneOf", json::array{{{"type", "string"}}, {{"type", "number"}}, {{"type", "boolean"}}}}};
    json::object schemas;
    schemas["Text"] = {{"type", "object"},
                       {"required", {"text", "type"}},
                       {"properties",
                        {{"text", {{"type", "string"}}},
                         {"type", {{"type", "string"}, {"enum", json::array{"text"}}}}}}};
    schemas["Table"] = {
        {"type", "object"},
        {"required", {"table", "type"}},
        {"properties",
         {{"table",
           {{"type", "array"}, {"items", {{"type", "object"}, {"additionalProperties", value}}}}},
          {"type", {{"type", "string"}, {"enum", json::array{"table"}}}}}}};
    schemas["Alert"] = {{"type", "object"},
                        {"required", {"alert", "type"}},
                        {"properties",
                         {{"alert", {{"type", "array"}, {"items", reference("schemas", "Text")}}},
                          {"type", {{"type", "string"}, {"enum", json::array{"alert"}}}}}}};
    schemas["Element"] = {
        {"oneOf", json::array{reference("schemas", "Text"), reference("schemas", "Table"),
                              reference("schemas", "Alert")}}};
    schemas["Answer"] = {
        {"oneOf", json::array{reference("schemas", "Element"),
                              {{"type", "array"}, {"items", reference("schemas", "Element")}}}}};
    schemas["Error"] = {
        {"type", "object"},
        {"required", json::array{"error"}},
        {"properties", {{"error", {{"type", "string"}}}, {"hint", {{"type", "string"}}}}}};
    const auto response = [](std::string_view description, std::string_view schema) {
        return json::object{
            {"description", text(description)},
            {"content", {{"application/json", {{"schema", reference("schemas", schema)}}}}}};
    };
    json::object responses;
    responses["Answer"] = response("What the command answers; an alert is one, too.", "Answer");
    responses["Error"] = response("Why nothing was done.", "Error");
    json::object security;
    security["basic"] = {{"type", "http"},
                         {"scheme", "basic"},
                         {"description", "The API key is the user name; any password."}};
    security["header"] = {{"type", "apiKey"}, {"in", "header"}, {"name", "x-api-key"}};
    return {{"schemas", std::move(schemas)},
            {"responses", std::move(responses)},
            {"securitySchemes", std::move(security)}};
}

}  // namespace

std::string openapi_json(const commands::CommandTable& table) {
    json::object paths;
    for (const Command& command : table.commands()) {
        if (!runs_over_http(command)) continue;
        std::string path = "/api/v1/" + std::string(command.words);
        std::ranges::replace(path, ' ', '/');
        if (command.operands == Operands::Keys) path += "/{key}";
        json::object operations;
        operations["get"] = operation(command, "get");
        if (command.access == Access::Change) operations["post"] = operation(command, "post");
        paths[path] = std::move(operations);
    }
    add_version_2(paths);
    json::object document;
    document["openapi"] = "3.0.3";
    document["info"] = {{"title", "VerneMQ HTTP API"},
                        {"version", "1"},
                        {"description",
                         "The commands of vmq-admin. Each answers GET; those that change something "
                         "answer POST as well, which is the better choice."}};
    json::array servers;
    servers.push_back(json::object{{"url", "/"}});
    document["servers"] = std::move(servers);
    json::array security;
    security.push_back(json::object{{"basic", json::array()}});
    security.push_back(json::object{{"header", json::array()}});
    document["security"] = std::move(security);
    document["paths"] = std::move(paths);
    document["components"] = components();
    return json::serialize(document);
}

}  // namespace vmq::admin
