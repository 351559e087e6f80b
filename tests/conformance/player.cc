#include "conformance/player.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vmq::conformance {
namespace {

std::string listed(const std::deque<SeenPacket>& packets) {
    constexpr std::size_t kMost = 8;
    std::string out;
    for (std::size_t i = 0; i < packets.size() && i < kMost; ++i) {
        out += "\n    " + packets[i].text();
    }
    if (packets.size() > kMost) out += fmt::format("\n    ... {} in all", packets.size());
    return out;
}

std::vector<Word> words_from(const std::vector<Word>& words, std::size_t first) {
    return {words.begin() + static_cast<std::ptrdiff_t>(std::min(first, words.size())),
            words.end()};
}

/// Hexadecimal bytes and quoted texts, one after the other.
Result<std::string> raw_bytes(const std::vector<Word>& words) {
    std::string bytes;
    for (const Word& word : words) {
        if (word.quoted || word.value.starts_with("xxx")) {  // a text, or @N
            bytes += word.value;
            continue;
        }
        unsigned value = 0;
        const char* const end = word.value.data() + word.value.size();
        if (word.value.size() != 2 ||
            std::from_chars(word.value.data(), end, value, 16).ptr != end) {
            return Error{ErrorCode::SyntaxError, "not a byte: " + word.value};
        }
        bytes += static_cast<char>(value);
    }
    return bytes;
}

}  // namespace

std::optional<Failure> Player::play(const Case& played) {
    for (const Step& each : played.steps) {
        Problem problem = step(each.words);
        if (!problem) problem = settle();
        if (problem) return Failure{each.line, "`" + each.text + "`: " + *problem};
    }
    if (auto problem = check_rest()) {
        return Failure{played.steps.empty() ? played.line : played.steps.back().line,
                       "after the last step " + *problem};
    }
    return {};
}

Player::Problem Player::step(const Words& words) {
    if (words[0].is("advance") && words.size() == 2) {
        const auto time = parse_duration_ms(words[1].value);
        if (!time) return "not a time";
        const auto done = rig_.advance(Millis(*time), [this] { return exchange(); });
        if (!done) return done.error().detail;
        return {};
    }
    if (words[0].is("shutdown")) {
        const auto done = rig_.shut_down([this] { return exchange(); });
        if (!done) return done.error().detail;
        return {};
    }
    if (!words[0].key.empty() || words.size() < 2) return "not a step";
    const auto names = split(words[0].value, '|');
    if (names.size() > 1) {
        if (!words[1].is("<")) return "only < can have several clients";
        return expect_one_of(names, words_from(words, 2));
    }
    return client_step(client(names[0]), names[0], words);
}

Player::Problem Player::client_step(ScriptClient& client, const std::string& name,
                                    const Words& words) {
    const std::string& verb = words[1].value;
    const Words rest = words_from(words, 2);
    if (verb == ">" || verb == ">>") return send(client, rest, verb == ">>");
    if (verb == "<" || verb == "<~") return expect(client, rest, verb == "<~");
    if (verb == "connect") return connect(client, name, rest);
    if (verb == "subscribe") return subscribe(client, rest);
    if (verb == "on" && rest.size() == 1) {
        client.listener = rest[0].value;
    } else if (verb == "speaks" && rest.size() == 1) {
        const auto version = parse_version(rest[0].value);
        if (!version) return "versions are v31, v311 and v5";
        client.version = *version;
    } else if (verb == "drop") {
        client.drop();
        rig_.await_silence([this] { return exchange(); });  // until the broker knows
    } else if (verb == "stalls" || verb == "listens") {
        client.reading = verb == "listens";
    } else if (verb == "ping") {
        if (auto problem = send(client, split_words("PINGREQ").value(), false)) return problem;
        return expect(client, split_words("PINGRESP").value(), false);
    } else if (verb == "disconnect") {
        if (auto problem = send(client, split_words("DISCONNECT").value(), false)) return problem;
        return expect_closed(client);
    } else {
        return "unknown step";
    }
    return {};
}

Player::Problem Player::send(ScriptClient& client, const Words& given, bool hold) {
    if (given.empty()) return "nothing to send";
    if (auto problem = open(client)) return problem;
    const bool slowly = given[0].is("slowly");
    Words words = words_from(given, slowly ? 1 : 0);
    Result<std::string> bytes = std::string();
    if (!words.empty() && words[0].is("raw")) {
        bytes = raw_bytes(words_from(words, 1));
    } else {
        if (words.size() > 1) {
            if (const auto version = parse_version(words[1].value)) {
                client.version = *version;
                words.erase(words.begin() + 1);
            }
        }
        bytes = encode_packet(substitute(std::move(words), variables_), client.version);
    }
    if (!bytes) return bytes.error().detail;
    client.held += bytes.value();
    if (hold) return {};
    return send_bytes(client, std::exchange(client.held, {}), slowly);
}

Player::Problem Player::send_bytes(ScriptClient& client, const std::string& bytes, bool slowly) {
    if (!slowly) {
        client.send(bytes);
        return settle();
    }
    for (const char byte : bytes) {
        client.send({&byte, 1});
        if (auto problem = settle()) return problem;
    }
    return {};
}

Player::Problem Player::connect(ScriptClient& client, const std::string& name, const Words& words) {
    Words packet{Word{"", "CONNECT", false}};
    packet.insert(packet.end(), words.begin(), words.end());
    if (find_word(words, "client_id") == nullptr) packet.push_back({"client_id", name, false});
    Words answer{Word{"", "CONNACK", false}, Word{"", "*", false}};
    // `connect ... session_present=1` is about the answer.
    const auto present = std::find_if(packet.begin(), packet.end(), [](const Word& word) {
        return word.key == "session_present";
    });
    if (present != packet.end()) {
        answer.push_back(*present);
        packet.erase(present);
    }
    if (auto problem = send(client, packet, false)) return problem;
    return expect(client, answer, false);
}

Player::Problem Player::subscribe(ScriptClient& client, const Words& words) {
    const std::string id = std::to_string(client.next_id++);
    Words packet{Word{"", "SUBSCRIBE", false}, Word{"id", id, false}};
    packet.insert(packet.end(), words.begin(), words.end());
    std::vector<std::string> granted;
    for (const Word& word : words) {
        if (word.key == "topic") granted.emplace_back("0");
        if (word.key == "qos" && !granted.empty()) granted.back() = word.value;
    }
    std::string reasons;
    for (const std::string& each : granted) reasons += (reasons.empty() ? "" : ",") + each;
    if (auto problem = send(client, packet, false)) return problem;
    return expect(
        client, {Word{"", "SUBACK", false}, Word{"id", id, false}, Word{"reasons", reasons, false}},
        false);
}

Player::Problem Player::expect(ScriptClient& client, const Words& words, bool any_order) {
    if (words.empty()) return "nothing to expect";
    if (words[0].is("nothing")) return expect_silence(client);
    if (words[0].is("closed")) return expect_closed(client);
    if (words[0].is("gone")) return expect_gone(client);
    const auto moves = [this] { return exchange(); };
    auto& packets = client.packets;
    if (!any_order) {
        rig_.await(moves, [&] { return !packets.empty() || client.ended; });
        if (packets.empty()) {
            return client.ended ? "the broker closed the connection" : "nothing came";
        }
        const auto difference = find_difference(packets.front(), words, variables_);
        if (difference) return *difference + ". What came:" + listed(packets);
        packets.pop_front();
        return {};
    }
    auto found = packets.end();
    rig_.await(moves, [&] {
        found = std::find_if(packets.begin(), packets.end(), [&](const SeenPacket& packet) {
            return !find_difference(packet, words, variables_);
        });
        return found != packets.end();
    });
    found = std::find_if(packets.begin(), packets.end(), [&](const SeenPacket& packet) {
        return !find_difference(packet, words, variables_);
    });
    if (found == packets.end()) return "not among what came:" + listed(packets);
    packets.erase(found);
    return {};
}

Player::Problem Player::expect_one_of(const std::vector<std::string>& names, const Words& words) {
    if (words.size() == 1 && words[0].is("nothing")) {
        for (const std::string& name : names) {
            if (auto problem = expect_silence(client(name))) return name + ": " + *problem;
        }
        return {};
    }
    const auto has_packets = [&](const std::string& name) { return !client(name).packets.empty(); };
    const auto moves = [this] { return exchange(); };
    rig_.await(moves, [&] { return std::any_of(names.begin(), names.end(), has_packets); });
    std::string came;
    for (const std::string& name : names) {
        auto& packets = client(name).packets;
        if (packets.empty()) continue;
        if (!find_difference(packets.front(), words, variables_)) {
            packets.pop_front();
            return {};
        }
        came += "\n  " + name + ":" + listed(packets);
    }
    return "came to none of them" + came;
}

Player::Problem Player::expect_closed(ScriptClient& client) {
    if (!client.connected()) return "there is no connection";
    rig_.await([this] { return exchange(); }, [&] { return client.ended; });
    if (!client.packets.empty()) return "there is more to read:" + listed(client.packets);
    if (!client.ended) return "the connection is open";
    client.drop();
    return {};
}

Player::Problem Player::expect_gone(ScriptClient& client) {
    rig_.await([this] { return exchange(); }, [&] { return client.ended; });
    if (client.packets.size() == 1 && client.packets.front().name == "DISCONNECT") {
        client.packets.pop_front();
    }
    return expect_closed(client);
}

Player::Problem Player::expect_silence(ScriptClient& client) {
    rig_.await_silence([this] { return exchange(); });
    if (!client.packets.empty()) return "something came:" + listed(client.packets);
    if (client.ended) return "the broker closed the connection";
    return {};
}

Player::Problem Player::open(ScriptClient& client) {
    if (client.connected()) return {};
    const auto fd = rig_.connect(client.listener);
    if (!fd) return fd.error().detail;
    client.open(fd.value());
    return {};
}

Player::Problem Player::settle() {
    const auto settled = rig_.settle([this] { return exchange(); });
    if (!settled) return settled.error().detail;
    return {};
}

Player::Problem Player::check_rest() {
    rig_.await_silence([this] { return exchange(); });
    for (const auto& [name, each] : clients_) {
        if (!each->packets.empty()) return name + " got more:" + listed(each->packets);
        if (each->ended) return name + " was disconnected";
    }
    return {};
}

ScriptClient& Player::client(const std::string& name) {
    auto& slot = clients_[name];
    if (!slot) {
        slot = std::make_unique<ScriptClient>();
        slot->version = version_;
    }
    return *slot;
}

bool Player::exchange() {
    bool moved = false;
    for (const auto& [name, each] : clients_) moved = each->exchange() || moved;
    return moved;
}

}  // namespace vmq::conformance
