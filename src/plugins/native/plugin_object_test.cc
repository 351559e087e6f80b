#include "plugins/native/plugin_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "plugins/native/test_values.h"
#include "support/temporary_folder.h"

namespace vmq::plugins::native {
namespace {

namespace fs = std::filesystem;

using test::test_plugin;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Error refusal(const std::string& name) {
    const auto object = PluginObject::open(name, test_plugin(name));
    EXPECT_FALSE(object);
    return object ? Error{ErrorCode::SystemError, ""} : object.error();
}

TEST(PluginObject, IsTheFileItselfOrOneOfThreeInAFolder) {
    const vmq::testing::TemporaryFolder folder;
    const std::string path = folder.path();
    EXPECT_THAT(object_candidates("guard", path),
                ElementsAre(path + "/guard.so", path + "/libguard.so", path + "/lib/guard.so"));
    EXPECT_THAT(object_candidates("guard", path + "/other.so"), ElementsAre(path + "/other.so"));
}

TEST(PluginObject, ARelativePathIsNoneOfTheSystemsFolders) {
    EXPECT_THAT(object_candidates("guard", "libc.so.6"),
                ElementsAre((fs::current_path() / "libc.so.6").string()));
}

TEST(PluginObject, IsFoundInEachPlaceAndInThisOrder) {
    const vmq::testing::TemporaryFolder folder;
    fs::create_directory(folder.path() + "/lib");
    for (const std::string place : {"/lib/guard.so", "/libguard.so", "/guard.so"}) {
        fs::copy_file(test_plugin("minimal"), folder.path() + place);
        const auto object = PluginObject::open("guard", folder.path());
        ASSERT_TRUE(object) << object.error().detail;
        EXPECT_EQ(object.value().file(), folder.path() + place);
        EXPECT_NE(object.value().description().auth_on_register, nullptr);
    }
}

TEST(PluginObject, SaysWhatItTriedIfThereIsNone) {
    const vmq::testing::TemporaryFolder folder;
    fs::create_directory(folder.path() + "/guard.so");  // a folder is no object
    const auto object = PluginObject::open("guard", folder.path());
    ASSERT_FALSE(object);
    EXPECT_EQ(object.error().code, ErrorCode::NotFound);
    EXPECT_THAT(object.error().detail, AllOf(HasSubstr(folder.path() + "/guard.so, "),
                                             HasSubstr(folder.path() + "/libguard.so, "),
                                             HasSubstr(folder.path() + "/lib/guard.so")));
}

TEST(PluginObject, SaysWhyAFileCannotBeLoaded) {
    const vmq::testing::TemporaryFolder folder;
    std::ofstream(folder.path() + "/guard.so") << "no object";
    const auto object = PluginObject::open("guard", folder.path());
    ASSERT_FALSE(object);
    EXPECT_EQ(object.error().code, ErrorCode::InvalidValue);
    EXPECT_THAT(object.error().detail, HasSubstr("guard.so"));
}

TEST(PluginObject, RefusesAnObjectWithoutTheEntryFunction) {
    const Error error = refusal("no_symbol");
    EXPECT_EQ(error.code, ErrorCode::InvalidValue);
    EXPECT_THAT(error.detail, HasSubstr("does not export vmq_plugin_entry"));
}

TEST(PluginObject, NamesBothVersionsIfTheyDiffer) {
    EXPECT_THAT(refusal("other_version").detail,
                HasSubstr("is for version 7 of the plugin interface, this broker has version 1"));
}

TEST(PluginObject, RefusesAPluginThatDoesNotKnowThisVersion) {
    EXPECT_THAT(refusal("no_description").detail,
                HasSubstr("does not work with version 1 of the plugin interface"));
}

TEST(PluginObject, RefusesADescriptionThatIsTooShort) {
    EXPECT_THAT(refusal("short_description").detail, HasSubstr("has 24 bytes"));
}

TEST(PluginObject, HooksThatAnOlderHeaderDidNotHaveAreMissing) {
    const auto object = PluginObject::open("minimal", test_plugin("minimal"));
    ASSERT_TRUE(object) << object.error().detail;
    EXPECT_NE(object.value().description().auth_on_register, nullptr);
    EXPECT_EQ(object.value().description().on_auth, nullptr);
    EXPECT_EQ(object.value().description().on_session_expired, nullptr);
}

}  // namespace
}  // namespace vmq::plugins::native
