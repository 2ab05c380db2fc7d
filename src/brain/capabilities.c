#include "brain/capabilities.h"

#include <string.h>

#define BASE "pattern_recognition", "code_generation", "os_development"

static const struct {
    const char *specialization;
    const char *capabilities[7]; /* NULL-terminated */
} table[] = {
    {"window_manager", {BASE, "gui_development", "window_management", "user_interface"}},
    {"file_system", {BASE, "file_operations", "storage_management", "data_structures"}},
    {"process_manager", {BASE, "process_scheduling", "memory_management", "system_calls"}},
    {"security", {BASE, "security_analysis", "encryption", "access_control"}},
    {"networking", {BASE, "network_protocols", "distributed_systems", "communication"}},
    {"graphics", {BASE, "graphics_rendering", "visual_effects", "display_management"}},
    {"audio", {BASE, "audio_processing", "sound_synthesis", "media_handling"}},
    {"performance", {BASE, "optimization", "benchmarking", "performance_analysis"}},
    {"general", {BASE}},
};

const char *const trainer_specializations[] = {
    "window_manager", "file_system", "process_manager", "security", "networking",
    "graphics",       "audio",       "performance",     "general",  NULL};

const char *const trainer_features[] = {
    "file_system", "process_manager", "network_stack", "memory_manager",    "window_manager",
    "security",    "graphics_stack",  "audio_stack",   "performance_tools", NULL};

const char *const *trainer_capabilities(const char *specialization)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].specialization, specialization) == 0)
            return table[i].capabilities;
    return NULL;
}

json_t *capabilities_json(const char *specialization)
{
    const char *const *capabilities = trainer_capabilities(specialization);
    json_t *array = json_array();
    for (; array && capabilities && *capabilities; capabilities++)
        json_array_append_new(array, json_string(*capabilities));
    return array;
}
