#include "broker/connection_trace.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "broker/limits.h"

namespace vmq::broker {
namespace {

using mqtt::append_payload;
using mqtt::append_printable;

/// Of a packet that the printer looks at: enough for the longest topic and payload it shows.
constexpr std::size_t kMaxShown = 2 * kMaxNameSize + Trace::kMaxEvent;
constexpr std::size_t kFixedHeader = 5;

template <typename... Parts>
void append(std::string& out, fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Parts>(parts)...);
}

std::string printable(std::string_view bytes) {
    std::string out;
    append_printable(bytes, out);
    return out;
}

/// "{127,0,0,1}", as Erlang writes an address.
std::string erlang_address(std::string_view address) {
    const std::string text(address);
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
        return fmt::format("{{{},{},{},{}}}", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) {
        return "<<\"" + printable(address) + "\">>";
    }
    std::string out = "{";
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        append(out, "{}{}", i > 0 ? "," : "", bytes[i] << 8U | bytes[i + 1]);
    }
    return out + "}";
}

std::string erlang_id(const hooks::SubscriberId& id) {
    return fmt::format("{{{},<<\"{}\">>}}",
                       id.mountpoint.empty() ? "[]" : "\"" + printable(id.mountpoint) + "\"",
                       printable(id.client_id));
}

std::string user_of(const std::optional<std::string_view>& username) {
    return username ? printable(*username) : "undefined";
}

/// One line for each change that a hook has made.
class Modifiers final {
public:
    template <typename Value>
    void add(std::string_view name, const std::optional<Value>& value) {
        if (!value) return;
        append(text_, "    {}: ", name);
        if constexpr (std::is_same_v<Value, std::string>) {
            append_printable(*value, text_);
        } else if constexpr (std::is_enum_v<Value>) {
            append(text_, "{}", static_cast<int>(*value));
        } else {
            append(text_, "{}", *value);
        }
        text_ += '\n';
    }
    /// What the hook returned.
    [[nodiscard]] std::string text() const {
        return text_.empty() ? "Hook returned \"ok\"\n"
                             : "Hook returned \"ok\" with modifiers:\n" + text_;
    }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_;
};

/// The stretches of an output, read from any place on.
class Pieces final {
public:
    explicit Pieces(const OutputBuffer& output) : pieces_(16) {
        std::size_t count = output.gather(pieces_.data(), pieces_.size());
        while (count == pieces_.size()) {
            pieces_.resize(2 * count);
            count = output.gather(pieces_.data(), pieces_.size());
        }
        pieces_.resize(count);
    }

    /// Puts up to `count` bytes from `at` on in the place of `out`.
    void copy(std::size_t at, std::size_t count, std::string& out) const {
        out.clear();
        for (const OutputBuffer::Piece& piece : pieces_) {
            if (at >= piece.size) {
                at -= piece.size;
                continue;
            }
            const std::size_t part = std::min(piece.size - at, count - out.size());
            out.append(piece.data + at, part);
            at = 0;
            if (out.size() == count) return;
        }
    }

private:
    std::vector<OutputBuffer::Piece> pieces_;
};

std::vector<std::string_view> topics_of(const mqtt::Frame& frame, mqtt::From from,
                                        mqtt::ProtocolVersion version,
                                        const session::TopicAliases* aliases) {
    switch (frame.type) {
        case mqtt::PacketType::Publish: {
            mqtt::Publish packet;
            const bool read = from == mqtt::From::Client
                                  ? mqtt::decode_publish(frame, version, packet).ok()
                                  : mqtt::decode_server_publish(frame, version, packet).ok();
            if (!read) return {};
            if (!packet.topic.empty() || aliases == nullptr) return {packet.topic};
            return {from == mqtt::From::Client ? aliases->received(packet.topic_alias)
                                               : aliases->sent_topic(packet.topic_alias)};
        }
        case mqtt::PacketType::Subscribe: {
            mqtt::Subscribe packet;
            if (!mqtt::decode_subscribe(frame, version, packet).ok()) return {};
            std::vector<std::string_view> topics;
            for (const auto& entry : packet.entries) topics.push_back(entry.filter);
            return topics;
        }
        case mqtt::PacketType::Unsubscribe: {
            mqtt::Unsubscribe packet;
            if (!mqtt::decode_unsubscribe(frame, version, packet).ok()) return {};
            return packet.filters;
        }
        default:
            return {};
    }
}

}  // namespace

bool ConnectionTrace::has(const Trace& trace) const noexcept {
    return std::ranges::any_of(traces_, [&](const auto& each) { return each.get() == &trace; });
}

bool ConnectionTrace::keep_only(const Traces* running) {
    std::erase_if(traces_, [running](const auto& each) {
        return running == nullptr || std::ranges::find(*running, each) == running->end();
    });
    return traces_.empty();
}

void ConnectionTrace::set_client(std::string_view mountpoint, std::string_view client_id) {
    client_id_ = printable(client_id);
    client_.clear();
    if (!mountpoint.empty()) client_ = "MP: \"" + printable(mountpoint) + "\" ";
    client_ += "CID: \"" + client_id_ + "\" ";
}

bool ConnectionTrace::wants(const Trace& trace, const Topics& topics) {
    if (!trace.options().topic) return true;
    return std::ranges::any_of(topics, [&](auto topic) { return trace.wants_topic(topic); });
}

template <typename Write>
void ConnectionTrace::tell(const Topics& topics, TraceMoment at, Write write) {
    for (const auto& trace : traces_) {
        if (trace->over() || !wants(*trace, topics)) continue;
        std::string text = trace_time(at.wall_ms) + pid_ + " ";
        write(trace->options().payload_limit, text);
        if (text.size() > Trace::kMaxEvent) {
            text.resize(Trace::kMaxEvent);
            while ((static_cast<unsigned char>(text.back()) & 0x80U) != 0) text.pop_back();
            text += " (truncated)\n";
        }
        trace->add(text, at.now, at.wall_ms);
    }
}

void ConnectionTrace::packet(const mqtt::Frame& frame, mqtt::From from,
                             const session::TopicAliases* aliases, TraceMoment at) {
    const bool by_topic = std::ranges::any_of(
        traces_, [](const auto& each) { return each->options().topic.has_value(); });
    tell(by_topic ? topics_of(frame, from, version_, aliases) : Topics(), at,
         [&](std::size_t payload_limit, std::string& out) {
             append(out, "MQTT {}: {}", from == mqtt::From::Client ? "RECV" : "SEND", client_);
             mqtt::append_packet_text(frame, from, version_, payload_limit, out);
         });
}

void ConnectionTrace::received(const mqtt::Frame& frame, const session::TopicAliases* aliases,
                               TraceMoment at) {
    packet(frame, mqtt::From::Client, aliases, at);
}

void ConnectionTrace::sent(const OutputBuffer* output, const session::TopicAliases* aliases,
                           TraceMoment at) {
    if (output == nullptr || output->size() <= seen_) return;
    const Pieces pieces(*output);
    std::string bytes;
    while (seen_ < output->size()) {
        pieces.copy(seen_, kFixedHeader, bytes);
        const mqtt::Frame head = mqtt::next_frame(bytes, 268'435'455);
        const bool whole = head.status == mqtt::FrameStatus::Complete;
        const std::size_t size = whole ? head.size : head.needed;
        if (size == 0) break;  // not by our encoders
        pieces.copy(seen_, std::min(size, kMaxShown), bytes);
        mqtt::Frame frame = mqtt::next_frame(bytes, 268'435'455);
        if (size > kMaxShown) {  // what is behind is payload that is not shown
            std::size_t header = 1;
            while ((static_cast<unsigned char>(bytes[header]) & 0x80U) != 0) ++header;
            frame.type = static_cast<mqtt::PacketType>(static_cast<unsigned char>(bytes[0]) >> 4U);
            frame.flags = static_cast<std::uint8_t>(bytes[0]) & 0x0FU;
            frame.body = std::string_view(bytes).substr(header + 1);
            frame.size = bytes.size();
        }
        packet(frame, mqtt::From::Server, aliases, at);
        seen_ += size;
    }
    seen_ = output->size();
}

void ConnectionTrace::calling(const hooks::RegisterContext& context, TraceMoment at) {
    asked_topics_.clear();
    tell({}, at, [&](std::size_t, std::string& out) {
        append(out, "Calling auth_on_register{}({{{},{}}},{},{},{},{}) \n", context.v5 ? "_m5" : "",
               erlang_address(context.peer.address), context.peer.port,
               erlang_id(context.subscriber), user_of(context.username),
               context.password ? mqtt::kNotPrinted : "undefined", context.clean_start);
        if (context.properties != nullptr) {
            mqtt::append_property_line(*context.properties, false, out);
        }
    });
}

void ConnectionTrace::calling(const hooks::AuthContext& context, TraceMoment at) {
    asked_topics_.clear();
    tell({}, at, [&](std::size_t, std::string& out) {
        append(out, "Calling on_auth_m5({},{}) \n", user_of(context.username),
               erlang_id(context.subscriber));
        mqtt::Properties properties;
        if (context.properties != nullptr) properties = *context.properties;
        properties.set(mqtt::Property::AuthenticationMethod);
        properties.authentication_method = context.method;
        if (!context.data.empty()) properties.set(mqtt::Property::AuthenticationData);
        mqtt::append_property_line(properties, false, out);
    });
}

void ConnectionTrace::calling(const hooks::PublishContext& context, TraceMoment at) {
    asked_topics_.assign(1, std::string(context.topic));
    tell({context.topic}, at, [&](std::size_t payload_limit, std::string& out) {
        append(out, "Calling auth_on_publish{}({},{},{},{},{}) with payload:\n    ",
               context.v5 ? "_m5" : "", user_of(context.username), erlang_id(context.subscriber),
               static_cast<int>(context.qos), printable(context.topic), context.retain);
        append_payload(context.payload, payload_limit, out);
        out += '\n';
        if (context.properties.empty()) return;
        mqtt::append_property_line(mqtt::decode_forwarded_properties(context.properties), true,
                                   out);
    });
}

void ConnectionTrace::calling(const hooks::SubscribeContext& context, TraceMoment at) {
    Topics topics;
    asked_topics_.clear();
    for (const auto& entry : *context.entries) {
        topics.push_back(entry.filter);
        asked_topics_.emplace_back(entry.filter);
    }
    tell(topics, at, [&](std::size_t, std::string& out) {
        append(out, "Calling auth_on_subscribe{}({},{}) with topics:\n", context.v5 ? "_m5" : "",
               user_of(context.username), erlang_id(context.subscriber));
        mqtt::append_topic_lines(*context.entries, context.v5, out);
        if (context.properties != nullptr) {
            mqtt::append_property_line(*context.properties, true, out);
        }
    });
}

void ConnectionTrace::hook_returned(TraceMoment at, std::string_view text) {
    tell({asked_topics_.begin(), asked_topics_.end()}, at,
         [text](std::size_t, std::string& out) { out += text; });
}

std::string ConnectionTrace::refused(const hooks::Refusal& refusal) const {
    std::string out =
        fmt::format("Hook returned {{error,{}}}\n",
                    refusal.reason ? mqtt::reason_name(*refusal.reason) : "no_matching_hook_found");
    if (refusal.reason_string.empty()) return out;
    append(out, "    reason_string: {}\n", printable(refusal.reason_string));
    return out;
}

void ConnectionTrace::returned(const hooks::RegisterVerdict& verdict, TraceMoment at) {
    if (verdict.decision != hooks::Decision::Ok) return hook_returned(at, refused(verdict.refusal));
    const hooks::RegisterModifiers& changes = verdict.modifiers;
    Modifiers lines;
    lines.add("client_id", changes.client_id);
    lines.add("mountpoint", changes.mountpoint);
    lines.add("username", changes.username);
    lines.add("clean_start", changes.clean_start);
    lines.add("session_expiry_interval", changes.session_expiry_interval_s);
    lines.add("max_message_size", changes.max_message_size);
    lines.add("max_message_rate", changes.max_message_rate);
    lines.add("max_inflight_messages", changes.max_inflight_messages);
    lines.add("retry_interval", changes.retry_interval_ms);
    lines.add("upgrade_qos", changes.upgrade_qos);
    lines.add("allow_multiple_sessions", changes.allow_multiple_sessions);
    lines.add("max_online_messages", changes.max_online_messages);
    lines.add("max_offline_messages", changes.max_offline_messages);
    lines.add("max_connection_lifetime", changes.max_connection_lifetime_s);
    lines.add("topic_alias_max", changes.topic_alias_max);
    lines.add("fc_receive_max_client", changes.fc_receive_max_client);
    lines.add("fc_receive_max_broker", changes.fc_receive_max_broker);
    lines.add("max_packet_size", changes.max_packet_size);
    lines.add("max_qos", changes.max_qos);
    hook_returned(at, lines.text());
}

void ConnectionTrace::returned(const hooks::AuthVerdict& verdict, TraceMoment at) {
    if (verdict.decision != hooks::Decision::Ok) return hook_returned(at, refused(verdict.refusal));
    hook_returned(at,
                  fmt::format("Hook returned \"ok\" with modifiers:\n    reason_code: {}\n",
                              verdict.continues ? "continue_authentication(24)" : "success(0)"));
}

void ConnectionTrace::returned(const hooks::PublishVerdict& verdict, TraceMoment at) {
    if (verdict.decision != hooks::Decision::Ok) return hook_returned(at, refused(verdict.refusal));
    const hooks::PublishModifiers& changes = verdict.modifiers;
    Modifiers lines;
    lines.add("topic", changes.topic);
    lines.add("qos", changes.qos);
    lines.add("retain", changes.retain);
    lines.add("mountpoint", changes.mountpoint);
    lines.add("message_expiry_interval", changes.message_expiry_interval);
    if (changes.throttle_ms != 0) lines.add("throttle", std::optional(changes.throttle_ms));
    if (!changes.payload) return hook_returned(at, lines.text());
    tell({asked_topics_.begin(), asked_topics_.end()}, at,
         [&](std::size_t payload_limit, std::string& out) {
             if (lines.empty()) {
                 out += "Hook returned \"ok\" with modified payload:\n    ";
             } else {
                 out += lines.text() + "    payload: ";
             }
             append_payload(*changes.payload, payload_limit, out);
             out += '\n';
         });
}

void ConnectionTrace::returned(const hooks::SubscribeVerdict& verdict, TraceMoment at) {
    if (verdict.decision != hooks::Decision::Ok) return hook_returned(at, refused(verdict.refusal));
    if (!verdict.topics) return hook_returned(at, Modifiers().text());
    std::string text = "Hook returned \"ok\" with modifiers:\n";
    for (const auto& topic : *verdict.topics) {
        if (topic.left_to_next) {
            append(text, "    left to the next plugin, t: \"{}\"\n", printable(topic.filter));
        } else if (mqtt::is_error(topic.reason)) {
            append(text, "    {}({}), t: \"{}\"\n", mqtt::reason_name(topic.reason),
                   static_cast<int>(topic.reason), printable(topic.filter));
        } else {
            append(text, "    q:{}, t: \"{}\"\n", static_cast<int>(topic.options.qos),
                   printable(topic.filter));
        }
    }
    hook_returned(at, text);
}

void ConnectionTrace::found(Trace& trace, TraceMoment at) const {
    if (trace.options().topic) return;
    trace.tell(fmt::format("{}New session with PID {} found for client \"{}\"\n",
                           trace_time(at.wall_ms), pid_, client_id_));
}

void ConnectionTrace::stopped(TraceMoment at) const {
    for (const auto& trace : traces_) {
        if (trace->options().topic) continue;
        trace->tell(fmt::format("{}{} Trace session for {} stopped\n", trace_time(at.wall_ms), pid_,
                                client_id_));
    }
}

}  // namespace vmq::broker
